"""The RL agent: an episodic LSTM with a key-value memory, trained by advantage actor-critic."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from errors import require, require_fraction, require_positive
from lightning_modules.optimisation import ConfiguredOptimizer
from losses.actor_critic import ActorCriticLoss, actor_critic_loss
from losses.schedules import LinearSchedule, Schedule
from memory.episodic_memory import EpisodicMemory
from networks.actor_critic import RecurrentActorCritic
from tasks.bandit import Bandit
from tasks.blocks import BlockSpec
from tasks.keys import KeySource
from tasks.players import PLAYERS, play_block
from tasks.rollout import Trajectory, play_episodes
from tasks.statistics import BanditStatistics

MemoryFactory = Callable[[int, int, int], EpisodicMemory]


class EpisodicAgent(pl.LightningModule):
    """epL2RL, L2RL and L2RL+context by configuration alone (Ritter et al. 2018, section 4).

    With a `memory` the agent is epL2RL: `key_source` says what the memory is searched by, the final cell state is the
    value, and what is recalled enters through the reinstatement gate. Without one (or with the key source `none`) it
    is L2RL, and with `cue_input` L2RL+context. One batch is a block; the weights are updated after each of its
    episodes.

    Args:
        actions: number of actions; None takes the data's.
        cue_size: length of a cue; None takes the data's.
        label_count: number of distinct labels; None takes the data's.
        pulls: pulls in an episode; None takes the data's.
        episodes: episodes in a block; None takes the data's.
        capacity: slots of the memory; None takes one for each key that a block stores.
        hidden_size: length of the LSTM's states.
        memory: builds the memory from (capacity, key size, value size); None plays without.
        key_source: what the memory is searched by, `context` (the cue), `input`, `hidden`, `label` or `none`; see
            `tasks.keys.KeySource`.
        key_state: of the key source `hidden`, `cell` or `hidden` state.
        stored_states: which steps' keys are stored, `first`, `last`, `after_first_quarter` or `all`.
        stored_value: what a stored key maps to, the episode's `final` cell state or the step's `own`.
        cue_input: whether the cue is part of the network's input.
        discount: discount of rewards within an episode.
        trace: lambda of generalised advantage estimation; 1 is the plain return.
        value_weight: weight of the critic's loss.
        entropy_weight: weight of the entropy bonus over the course of training.
        gradient_norm: gradients are clipped to this norm.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.
        forget_bias: initial bias of the forget gate.
        reinstatement_bias: initial bias of the reinstatement gate.
        greedy_evaluation: evaluate with the most probable action instead of a drawn one.

    Raises:
        InputError: a number out of its range, sizes that are not the data's.
    """

    def __init__(
        self,
        actions: int | None = None,
        cue_size: int | None = None,
        label_count: int | None = None,
        pulls: int | None = None,
        episodes: int | None = None,
        capacity: int | None = None,
        hidden_size: int = 50,
        memory: MemoryFactory | None = None,
        key_source: str = "context",
        key_state: str = "cell",
        stored_states: str = "last",
        stored_value: str = "final",
        cue_input: bool = False,
        discount: float = 0.9,
        trace: float = 1.0,
        value_weight: float = 0.4,
        entropy_weight: Schedule | None = None,
        gradient_norm: float = 1.0,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
        forget_bias: float = 1.0,
        reinstatement_bias: float = 0.0,
        greedy_evaluation: bool = False,
    ) -> None:
        super().__init__()
        require_fraction(discount=discount, trace=trace)
        require_positive(gradient_norm=gradient_norm)
        require(value_weight >= 0, f"value_weight is {value_weight}: it has to be 0 or more")
        if actions is None or cue_size is None or label_count is None or pulls is None or episodes is None:
            missing = "actions, cue_size, label_count, pulls and episodes"
            raise ValueError(f"{missing} have to be given where no data module fills them in")
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.keys = KeySource(key_source, key_state, stored_states, stored_value)
        with_memory = memory is not None and key_source != "none"
        self.sizes = {"actions": actions, "cue_size": cue_size, "label_count": label_count, "pulls": pulls}
        self.network = RecurrentActorCritic(
            actions,
            cue_size,
            hidden_size,
            cue_input=cue_input,
            reinstatement=with_memory,
            forget_bias=forget_bias,
            reinstatement_bias=reinstatement_bias,
        )
        self.memory: EpisodicMemory | None = None
        if memory is not None and with_memory:
            sizes = {"actions": actions, "cue_size": cue_size, "hidden_size": hidden_size, "label_count": label_count}
            slots = episodes * len(self.keys.stored_steps(pulls)) if capacity is None else capacity
            self.memory = memory(slots, self.keys.size(**sizes), hidden_size)
        # Every process has memories of its own.
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, list(self._contents()))
        self.discount, self.trace, self.value_weight = discount, trace, value_weight
        self.entropy_weight = entropy_weight or LinearSchedule(0.05, 0.0)
        self.gradient_norm, self.greedy_evaluation = gradient_norm, greedy_evaluation
        self.optimisation = ConfiguredOptimizer(optimizer, learning_rate_schedule)
        self.task: Bandit
        self._ideal: dict[int, Tensor] = {}
        self._episodes = 0.0  # played in this training so far

    def setup(self, stage: str) -> None:
        """Take the task from the data module, and check that the network fits it."""
        self.task = self.trainer.datamodule.task  # type: ignore[attr-defined]
        for name, size in self.trainer.datamodule.sizes.items():  # type: ignore[attr-defined]
            require(self.sizes.get(name, size) == size, f"model.{name} is {self.sizes.get(name)}: the data's is {size}")
        task, by_pull = self.task, self.memory is not None and self.keys.every_step
        statistics = BanditStatistics(task.exposures, task.pulls, task.episodes, by_pull=by_pull)
        self.statistics = torch.nn.ModuleDict({"val": statistics, "test": statistics.clone()})

    def _contents(self) -> dict[str, Tensor]:
        """What the memory holds, by the names of this module's state."""
        buffers = self.memory.named_buffers() if self.memory is not None else ()
        return {f"memory.{name}": buffer for name, buffer in buffers}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what the memory holds: it is over with the block, and a test may choose another memory."""
        for name in self._contents():
            checkpoint["state_dict"].pop(name, None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"].update(self._contents())

    def configure_optimizers(self) -> Any:
        return self.optimisation.configure(
            self.parameters(), lambda: self.trainer.num_training_batches * self._epochs, "step"
        )

    @property
    def _epochs(self) -> int:
        return self.trainer.max_epochs if self.trainer.max_epochs and self.trainer.max_epochs > 0 else 1

    def progress(self) -> float:
        """Share of the training that is done, by blocks."""
        blocks = max(self.trainer.num_training_batches * self._epochs, 1)
        return self.trainer.fit_loop.epoch_loop.total_batch_idx / blocks

    def on_train_start(self) -> None:
        self.optimisation.restore_configuration()

    def loss(self, trajectory: Trajectory, entropy_weight: float) -> ActorCriticLoss:
        """The loss of one episode, with its gradient."""
        recalled = trajectory.recall.value if trajectory.recall is not None else None
        logits, values = self.network(trajectory.joint, trajectory.cells, trajectory.gates, recalled)
        return actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            trajectory.rewards,
            discount=self.discount,
            trace=self.trace,
            value_weight=self.value_weight,
            entropy_weight=entropy_weight,
        )

    def training_step(self, batch: BlockSpec, batch_idx: int) -> None:
        """Play a block; update the weights after each episode."""
        optimizer = cast(torch.optim.Optimizer, self.optimizers())
        entropy_weight = self.entropy_weight(self.progress())
        logged = []
        for trajectory in self._play(batch, greedy=False):
            loss = self.loss(trajectory, entropy_weight)
            optimizer.zero_grad()
            self.manual_backward(loss.total)
            self.clip_gradients(optimizer, gradient_clip_val=self.gradient_norm, gradient_clip_algorithm="norm")
            optimizer.step()
            logged.append(torch.stack([trajectory.rewards.mean(), *(part.detach() for part in loss)]))
        learning_rate = optimizer.param_groups[0]["lr"]
        self._step_schedule()
        self._episodes = self.episodes_played(batch)
        reward, total, policy, value, entropy = torch.stack(logged).mean(dim=0)
        self.log_dict(
            {
                "train/reward": reward * self.task.pulls,
                "train/loss": total,
                "train/policy_loss": policy,
                "train/value_loss": value,
                "train/entropy": entropy,
                "train/entropy_weight": entropy_weight,
                "train/learning_rate": learning_rate,
                "step": self._episodes,
            },
            sync_dist=self.trainer.world_size > 1,
            batch_size=batch.batch_size,
        )

    def _step_schedule(self) -> None:
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler):
            scheduler.step()

    def episodes_played(self, batch: BlockSpec) -> float:
        """Training episodes up to and including this block, over all processes: the x-axis of all curves."""
        blocks = self.trainer.fit_loop.epoch_loop.total_batch_idx + 1
        return float(blocks * batch.episodes * batch.batch_size * self.trainer.world_size)

    def validation_step(self, batch: BlockSpec, batch_idx: int) -> None:
        self._evaluate(batch, "val")

    def test_step(self, batch: BlockSpec, batch_idx: int) -> None:
        self._evaluate(batch, "test")

    def _evaluate(self, batch: BlockSpec, split: str) -> None:
        statistics = self.statistics[split]
        assert isinstance(statistics, BanditStatistics)
        for episode, trajectory in enumerate(self._play(batch, self.greedy_evaluation)):
            gate = self.network.cell.reinstatement_gate(trajectory.gates)
            occupied = self.memory.occupied if self.memory is not None else None
            statistics.update(trajectory, batch, episode, gate, occupied)
        statistics.add_ideal(self.ideal_reward(batch))

    def _play(self, batch: BlockSpec, greedy: bool) -> Iterator[Trajectory]:
        return play_episodes(self.task, self.network, self.memory, batch, keys=self.keys, greedy=greedy)

    def ideal_reward(self, batch: BlockSpec) -> Tensor:
        """Summed reward of the ideal observer on the same block, with the same luck; played once."""
        if batch.seed not in self._ideal:
            self._ideal[batch.seed] = play_block(PLAYERS["ideal"], self.task, batch).rewards.sum()
        return self._ideal[batch.seed]

    def on_validation_epoch_end(self) -> None:
        self._log_evaluation("val")

    def on_test_epoch_end(self) -> None:
        self._log_evaluation("test")

    def _log_evaluation(self, split: str) -> None:
        statistics = self.statistics[split]
        assert isinstance(statistics, BanditStatistics)
        metrics = {f"{split}/{name}": value for name, value in statistics.compute().items()}
        if self._episodes:
            metrics["step"] = torch.tensor(self._episodes)
        self.log_dict(metrics)

    def on_validation_epoch_start(self) -> None:
        self.statistics["val"].reset()  # type: ignore[operator]

    def on_test_epoch_start(self) -> None:
        self.statistics["test"].reset()  # type: ignore[operator]

    def predict_step(self, batch: BlockSpec, batch_idx: int) -> dict[str, Tensor]:
        """Everything that happened in a block, `[B, E, T, ...]`: hidden and cell state after each step and the rest."""
        episodes = list(self._play(batch, self.greedy_evaluation))

        def stacked(name: str) -> Tensor:
            return torch.stack([getattr(episode, name) for episode in episodes]).transpose(1, 2).transpose(0, 1)

        cells = torch.stack([episode.cells[1:] for episode in episodes]).permute(2, 0, 1, 3)
        return {
            "hidden": stacked("hidden"),
            "cell": cells,
            "action": stacked("actions"),
            "reward": stacked("rewards"),
            "cue": batch.cues.transpose(0, 1),
            "label": batch.labels.T,
            "exposure": batch.exposures.T,
        }
