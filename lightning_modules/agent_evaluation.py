"""The statistics of an agent on the validation and test blocks."""

from collections.abc import Iterable, Mapping
from typing import cast

from torch import Tensor, nn

from episodic.agents.agent import Agent
from episodic.agents.trajectory import Trajectory
from episodic.memory.memory import Memory
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Schedule, Task


class AgentEvaluation(nn.Module):
    """Sums up an agent's episodes by exposure and step, beside the ideal player on the same blocks.

    Args:
        tasks: that are played, by split: `val` and `test`.
        agent: that plays.
    """

    def __init__(self, tasks: Mapping[str, Task], agent: Agent) -> None:
        super().__init__()
        self.statistics = nn.ModuleDict({split: _statistics(task, agent) for split, task in tasks.items()})
        self._tasks, self._ideal = dict(tasks), dict[tuple[str, int], Tensor | None]()

    def of(self, split: str) -> EpisodeStatistics:
        """The statistics of `val` or `test`."""
        return cast(EpisodeStatistics, self.statistics[split])

    def add(self, split: str, agent: Agent, spec: BlockSpec, trajectories: Iterable[Trajectory]) -> None:
        """Add a block, whose episodes are played as they are asked for."""
        statistics, store = self.of(split), agent.memory.store if agent.memory is not None else None
        slots = store if isinstance(store, Memory) else None  # without slots a read names no label
        labels = spec.labels if spec.query_labels is None else spec.query_labels
        for episode, trajectory in enumerate(trajectories):
            statistics.update(
                episode,
                spec.exposures[episode],
                trajectory.rewards,
                trajectory.measures,
                labels=labels[episode],
                reads=trajectory.reads.outcome if trajectory.reads is not None and slots is not None else None,
                gate=agent.core.gate(trajectory.tape),
                occupied=slots.occupied if slots is not None else None,
            )
        if (ideal := self.ideal_reward(split, spec)) is not None:
            statistics.add_ideal(ideal)

    def ideal_reward(self, split: str, spec: BlockSpec) -> Tensor | None:
        """Summed reward of the ideal player on a block, with the same luck; played once, None where unknown."""
        block = split, spec.seed
        if block not in self._ideal:
            self._ideal[block] = self._tasks[split].ideal(spec)
        return self._ideal[block]

    def metrics(self, split: str) -> dict[str, Tensor]:
        """The metrics of a split by name, scalars."""
        return {f"{split}/{name}": value for name, value in self.of(split).compute().items()}


def _statistics(task: Task, agent: Agent) -> EpisodeStatistics:
    scheduled = task.schedule != Schedule.whole_episode(task.steps)
    by_step = agent.memory is not None and (scheduled or agent.memory.searches_each_step(task.steps))
    return EpisodeStatistics(task.exposures, task.steps, task.episodes, by_step=by_step, measures=task.measures)
