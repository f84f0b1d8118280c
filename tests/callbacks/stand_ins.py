"""Stand-ins for trainers, modules and loggers, as far as callbacks use them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from episodic.memory.memory import Memory
from episodic.metrics.episode_statistics import EpisodeStatistics


class Trainer:
    """A trainer of one process, with a data module that plays a task."""

    def __init__(self, folder: Path, *, task: Any = None, blocks: Any = (), loggers: Any = ()) -> None:
        self.default_root_dir, self.loggers = str(folder), list(loggers)
        self.is_global_zero, self.fast_dev_run, self.sanity_checking, self.global_step = True, False, False, 7
        self.checkpoint_callback: Any = None
        self.callback_metrics: dict[str, Any] = {}
        self.logged_metrics: dict[str, Any] = {}
        self.printed: list[str] = []
        self.datamodule = SimpleNamespace(
            task_of=lambda split: task, evaluation_blocks=lambda split: iter(blocks), hparams={"batch_size": 5}
        )

    def print(self, text: str) -> None:
        self.printed.append(text)


def agent_module(statistics: EpisodeStatistics | None = None, memory: Memory | None = None) -> Any:
    """A module with an agent's statistics and memory."""
    keyed = None if memory is None else SimpleNamespace(store=memory)
    evaluation = SimpleNamespace(of=lambda split: statistics)
    return SimpleNamespace(agent=SimpleNamespace(memory=keyed), evaluation=evaluation, hparams={})
