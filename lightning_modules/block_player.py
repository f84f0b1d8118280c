"""An agent plays blocks: its evaluation by exposure and pull, and harvests of its states."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from episodic.agents.agent_checks import require_sizes
from episodic.agents.harvest import harvest_block
from episodic.agents.keys import KeySource
from episodic.agents.perception import DrawingTable, Perception
from episodic.agents.rollout import Trajectory, play_episodes
from episodic.errors import require
from episodic.memory.memory import Memory
from episodic.metrics.episode_statistics import BanditStatistics
from episodic.networks.actor_critic import RecurrentActorCritic
from episodic.tasks.bandit import Bandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.players import PLAYERS, play_block


class BlockPlayer(pl.LightningModule, ABC):
    """Validates, tests and predicts with an agent, whose constructor sets the parts that are named here.

    The task is the data module's. One batch is a block.
    """

    network: RecurrentActorCritic
    memory: Memory | None
    keys: KeySource
    perception: Perception
    sizes: dict[str, int]  # that the agent was built for, by the names of the data's
    greedy_evaluation: bool
    task: Bandit
    statistics: nn.ModuleDict  # by split; made anew for every stage

    @abstractmethod
    def __init__(self) -> None:
        super().__init__()
        self._ideal: dict[int, Tensor] = {}
        self._episodes = 0.0  # played in this training so far

    def setup(self, stage: str) -> None:
        """Take the task from the data module, and check that the agent fits it."""
        self.task = self.trainer.datamodule.task  # type: ignore[attr-defined]
        require_sizes(self.sizes, self.trainer.datamodule.sizes)  # type: ignore[attr-defined]
        require(
            self.perception.network is None or self.task.shows_drawings,
            "cue_encoder is given, yet the data show no drawings: set it to null, or data.cue to drawing",
        )
        self.perception.forget()
        task, by_pull = self.task, self.memory is not None and self.keys.searches(self.task.pulls) > 1
        statistics = BanditStatistics(task.exposures, task.pulls, task.episodes, by_pull=by_pull)
        self.statistics = nn.ModuleDict({"val": statistics, "test": statistics.clone()})

    def play(self, batch: BlockSpec, greedy: bool) -> Iterator[Trajectory]:
        """The block's episodes, one after the other, as they are played; its cues have to be there."""
        return play_episodes(self.task, self.network, self.memory, batch, keys=self.keys, greedy=greedy)

    def perceived(self, batch: BlockSpec, split: str) -> BlockSpec:
        """The block with cues, where it shows drawings."""
        if batch.drawings is None:
            return batch
        return self.perception(batch, self.drawings(split), self.trainer.datamodule.characters_of(split))  # type: ignore[attr-defined, no-any-return]

    def drawings(self, split: str) -> DrawingTable:
        """The drawings that a split's blocks are made of."""
        part = self.trainer.datamodule.part(split)  # type: ignore[attr-defined]
        return DrawingTable(part.images, part.labels)

    def validation_step(self, batch: BlockSpec, batch_idx: int) -> None:
        self._evaluate(batch, "val")

    def test_step(self, batch: BlockSpec, batch_idx: int) -> None:
        self._evaluate(batch, "test")

    def _evaluate(self, batch: BlockSpec, split: str) -> None:
        statistics, batch = self._statistics(split), self.perceived(batch, split)
        for episode, trajectory in enumerate(self.play(batch, self.greedy_evaluation)):
            gate = self.network.cell.reinstatement_gate(trajectory.gates)
            occupied = self.memory.occupied if self.memory is not None else None
            statistics.update(trajectory, batch, episode, gate, occupied)
        statistics.add_ideal(self.ideal_reward(batch))

    def ideal_reward(self, batch: BlockSpec) -> Tensor:
        """Summed reward of the ideal observer on the same block, with the same luck; played once."""
        if batch.seed not in self._ideal:
            self._ideal[batch.seed] = play_block(PLAYERS["ideal"], self.task, batch).rewards.sum()
        return self._ideal[batch.seed]

    def _statistics(self, split: str) -> BanditStatistics:
        statistics = self.statistics[split]
        assert isinstance(statistics, BanditStatistics)
        return statistics

    def on_validation_epoch_start(self) -> None:
        self._statistics("val").reset()

    def on_test_epoch_start(self) -> None:
        self._statistics("test").reset()

    def on_validation_epoch_end(self) -> None:
        self._log_evaluation("val")

    def on_test_epoch_end(self) -> None:
        self._log_evaluation("test")

    def _log_evaluation(self, split: str) -> None:
        metrics = {f"{split}/{name}": value for name, value in self._statistics(split).compute().items()}
        if self._episodes:
            metrics["step"] = torch.tensor(self._episodes)
        self.log_dict(metrics)

    def predict_step(self, batch: BlockSpec, batch_idx: int) -> dict[str, Tensor]:
        """A harvest of the block, see `episodic.agents.harvest` and `datamodules.harvest_files`."""
        batch = self.perceived(batch, "predict")
        return harvest_block(self.play(batch, self.greedy_evaluation), self.network.cell, batch)
