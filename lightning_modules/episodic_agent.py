"""The RL agent as a training stage: plays blocks, learns by advantage actor-critic, is evaluated by exposure."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from episodic.agents.checks import require_learnable, require_sizes, require_updates
from episodic.agents.drawing_cues import DrawingTable
from episodic.agents.harvest import harvest_block
from episodic.agents.keyed_memory import MemoryFactory
from episodic.agents.keys import Keys
from episodic.agents.learning.learner import Learner
from episodic.agents.parts import build_agent
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.agents.trajectory import Trajectory
from episodic.agents.warm_start import WarmStart
from episodic.checkpoints.embedders import EMBEDDER_KEY, describe_embedder
from episodic.errors import require, require_positive
from episodic.networks.core import CoreFactory
from episodic.networks.embedder import Embedder
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.objectives.actor_critic import ActorCritic
from episodic.objectives.native_adam import NativeSteps
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import Schedule
from episodic.tasks.blocks import SPLITS, BlockSpec
from episodic.tasks.task import Task, TaskSizes
from lightning_modules.agent_evaluation import AgentEvaluation
from lightning_modules.agent_updates import AgentUpdates
from lightning_modules.gradient_scaling import require_unscaled, scales_gradients
from lightning_modules.randomness import step_generator

#: Beginnings of the names of what every process has for itself.
OWN = ("agent.memory.store.", "learner.")


class EpisodicAgent(pl.LightningModule):
    """Train an agent on blocks of a task: epL2RL, L2RL or L2RL+context (Ritter et al. 2018, section 4).

    With a `memory` the agent is epL2RL: `keys` selects what the memory is searched by, the cell state is the value, and
    the recalled state enters through the core's reinstatement gate. Without a memory the agent is L2RL, and with
    `perception.cue_input` L2RL+context. One batch is a block. The weights are updated after each of its episodes; the
    `learner` decides when those of an embedder are.

    Args:
        core: builds the recurrent network.
        memory: builds the memory from (capacity, key size, value size); None plays without a memory.
        keys: what the memory is searched by; None is the cue.
        perception: what the agent perceives of a context; None shows the core no cue.
        learner: how an embedder of keys, or of drawings, learns while the agent plays; None keeps it unchanged.
        warm_start: which weights come from which checkpoint; None starts from random weights.
        loss: settings of the actor-critic loss.
        optimizer: builds the agent's optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.
        gradient_norm: norm that gradients are clipped to.
        greedy_evaluation: evaluate with the most probable action instead of a drawn one.
        sizes: sizes of the task, by the names of `TaskSizes`; None takes the data's.

    Raises:
        InputError: a number is out of range, the sizes differ from the data's, or the parts do not fit each other.
    """

    tasks: dict[str, Task]  # by split; they differ in what the data's `evaluation` says
    task: Task  # of training
    evaluation: AgentEvaluation  # a new one for every stage
    transferred: Tensor  # whether the warm start is done: in the checkpoint, so that a resume keeps what was learned

    def __init__(
        self,
        core: CoreFactory = EpisodicLSTM,
        memory: MemoryFactory | None = None,
        keys: Keys | None = None,
        perception: Perception | None = None,
        learner: Learner | None = None,
        warm_start: WarmStart | None = None,
        loss: ActorCritic | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
        gradient_norm: float = 1.0,
        greedy_evaluation: bool = False,
        sizes: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        require_positive(gradient_norm=gradient_norm)
        require(sizes is not None, "sizes is null: it must be given if no data module fills it in")
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.sizes = TaskSizes(**(sizes or {}))
        self.agent, self.cues, self.learner, self.classifier = build_agent(
            self.sizes, core, memory, keys, perception, learner
        )
        self.warm_start, self.loss = warm_start or WarmStart(), loss or ActorCritic()
        if self.warm_start.freeze:
            for parameter in self.agent.network_parameters():
                parameter.requires_grad_(False)
        self.register_buffer("transferred", torch.tensor(False))
        own = [name for name, _ in self.named_buffers() if name.startswith(OWN)]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, own)
        self.greedy_evaluation = greedy_evaluation
        self.optimisation = ConfiguredOptimizer(NativeSteps(optimizer), learning_rate_schedule)
        self.updates = AgentUpdates(self, self.agent, self.learner, gradient_norm)
        self._episodes = 0.0  # played in this training so far

    def setup(self, stage: str) -> None:
        """Take the task from the data module, and check that the agent fits it."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.tasks = {split: data.task_of(split) for split in SPLITS}
        self.task = self.tasks["train"]
        require_sizes(self.sizes, self.task)
        require(
            self.cues.network is None or self.task.shows_drawings,
            "perception.embedder is given, yet the data show no drawings: set it to null, or data.task.cue to drawing",
        )
        self.cues.forget()
        if stage == "fit":
            self._require_learning()
        self.evaluation = AgentEvaluation({split: self.tasks[split] for split in ("val", "test")}, self.agent)

    def _require_learning(self) -> None:
        require_updates(self.task, self.loss.episodes, self.learner)
        if self.learner is not None:
            require_learnable(self.task, self.learner)
        learning = any(parameter.requires_grad for parameter in self.parameters())
        processes = self.trainer.world_size
        if self.warm_start.freeze:
            require_unscaled(self.trainer)
        require(
            learning or processes == 1,
            f"warm_start.freeze is true and nothing else learns: that takes one process, not {processes}",
        )

    def on_fit_start(self) -> None:
        """Take over the weights of earlier stages, unless a resumed training has done so before."""
        if not bool(self.transferred):
            self.warm_start.fill_drawings(self.cues.network)
            self.warm_start.fill_agent(self.agent)
            trained = self.learner.classifier if self.learner is not None else None
            self.warm_start.fill_keys(self.agent, self.classifier or trained)
            self.transferred.fill_(True)

    @property
    def _embedder(self) -> Embedder | None:
        """The embedder in the agent's checkpoint: that of keys, else that of drawings."""
        memory = self.agent.memory
        return memory.embedder if memory is not None and memory.embedder is not None else self.cues.network

    def train(self, mode: bool = True) -> "EpisodicAgent":
        """Switch to training or evaluation; an embedder always embeds as in evaluation, but for its lessons."""
        super().train(mode)
        if self._embedder is not None:
            self._embedder.eval()
        return self

    def play(self, batch: BlockSpec, split: str) -> Iterator[Trajectory]:
        """The block's episodes, one after the other, as they are played; its cues must be there."""
        return rollout(self.tasks[split], self.agent, batch, greedy=split != "train" and self.greedy_evaluation)

    def perceived(self, batch: BlockSpec, split: str) -> BlockSpec:
        """The block with its cues, which are made here if it shows drawings."""
        if batch.drawings is None:
            return batch
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        cues = self.cues(batch, self._drawings(split), data.characters_of(split))
        return self.tasks[split].with_cues(batch, cues)

    def _drawings(self, split: str) -> DrawingTable:
        """The drawings that a split's blocks are made of."""
        part = self.trainer.datamodule.part(split)  # type: ignore[attr-defined]
        return DrawingTable(part.images, part.labels)

    def configure_optimizers(self) -> Any:
        # With a frozen agent too: its optimiser then does nothing, but the steps are counted.
        scaled = scales_gradients(self.trainer)
        agent = self.optimisation.configure(self.agent.policy_parameters(), self._blocks, "step", scaled=scaled)
        return agent if self.learner is None else [agent, self.learner.configure(self._blocks)]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the agent's gradients, which a gradient scaler has unscaled by now; the learner's stay as they are."""
        if optimizer is self.optimisation.optimizer:
            self.updates.clip(optimizer)

    @property
    def _updates(self) -> int:
        """How often a block updates the agent's weights."""
        return self.task.episodes // self.loss.episodes

    def _blocks(self) -> float:
        return self.updates.planned_blocks(self._updates)

    def on_train_start(self) -> None:
        self.updates.begin()
        self.optimisation.restore_configuration()
        if self.learner is not None:
            self.learner.optimisation.restore_configuration()

    def training_step(self, batch: BlockSpec, batch_idx: int) -> Tensor:
        """Play a block; update the weights after each episode, or each few. Returns the mean loss, without gradient."""
        entropy_weight = self.loss.entropy_weight(self.updates.progress(self._updates))
        generator = step_generator(self, batch_idx)
        batch = self.perceived(batch, "train")
        logged, lessons = list[Tensor](), []
        episodes = self.play(batch, "train")
        for update in range(self._updates):
            first, last = update * self.loss.episodes, (update + 1) * self.loss.episodes
            played = list(islice(episodes, self.loss.episodes))
            loss = self.agent.loss(played, self.loss, entropy_weight, list(batch.cues[first:last]))
            lesson = self.updates.lesson(last - 1, generator)
            self.updates.after_episodes(loss.total, lesson)
            means = [trajectory.rewards.mean() for trajectory in played]
            reward = means[0] if len(means) == 1 else torch.stack(means).mean()
            logged += [reward, *(part.detach() for part in loss)]
            if lesson is not None:
                lessons.append(lesson.metrics)
            del played, loss  # the next episode may then lie in the same memory
        lessons += self._learn_after_block(generator)
        learning_rate = self.updates.optimizers[0].param_groups[0]["lr"]
        self.updates.step_schedules()
        self._episodes = self.episodes_played(batch)
        reward, total, policy, value, entropy = torch.stack(logged).view(self._updates, -1).mean(dim=0)
        lesson_metrics = self.learner.metrics(lessons) if self.learner is not None else {}
        self.log_dict(
            {
                "train/reward": reward * self.task.steps,
                "train/loss": total,
                "train/policy_loss": policy,
                "train/value_loss": value,
                "train/entropy": entropy,
                "train/entropy_weight": entropy_weight,
                "train/learning_rate": learning_rate,
                **lesson_metrics,
                "step": self._episodes,
            },
            sync_dist=True,
            batch_size=batch.batch_size,
        )
        loss = total if self.learner is None else total + lesson_metrics["train/encoder_loss"]
        return torch.as_tensor(loss)

    def _learn_after_block(self, generator: torch.Generator) -> list[Tensor]:
        """Have an embedder learn that does so when a block is over; the metrics of each lesson."""
        if self.learner is None or not self.learner.settings.trigger.updates:
            return []
        images = self._drawings("train").images if self.learner.settings.of_drawings else None
        metrics = self.updates.after_block(self.learner, images, generator)
        self.cues.forget()
        return metrics

    def episodes_played(self, batch: BlockSpec) -> float:
        """Training episodes up to and including this block, over all processes: the x-axis of all curves."""
        blocks = self.trainer.fit_loop.epoch_loop.total_batch_idx + 1
        return float(blocks * batch.episodes * batch.batch_size * self.trainer.world_size)

    def validation_step(self, batch: BlockSpec, batch_idx: int) -> None:
        self._evaluate(batch, "val")

    def test_step(self, batch: BlockSpec, batch_idx: int) -> None:
        self._evaluate(batch, "test")

    def _evaluate(self, batch: BlockSpec, split: str) -> None:
        batch = self.perceived(batch, split)
        self.evaluation.add(split, self.agent, batch, self.play(batch, split))

    def on_validation_epoch_start(self) -> None:
        self.evaluation.of("val").reset()

    def on_test_epoch_start(self) -> None:
        self.evaluation.of("test").reset()

    def on_validation_epoch_end(self) -> None:
        self._log_evaluation("val")

    def on_test_epoch_end(self) -> None:
        self._log_evaluation("test")

    def _log_evaluation(self, split: str) -> None:
        metrics = self.evaluation.metrics(split)
        if self._episodes:
            metrics["step"] = torch.tensor(self._episodes)
        self.log_dict(metrics, sync_dist=True)

    def predict_step(self, batch: BlockSpec, batch_idx: int) -> dict[str, Tensor]:
        """A harvest of the block, see `episodic.agents.harvest` and `datamodules.harvest_files`."""
        batch = self.perceived(batch, "predict")
        return harvest_block(self.tasks["predict"], self.play(batch, "predict"), self.agent.core, batch)

    def _contents(self) -> dict[str, Tensor]:
        """What the memory holds, by the names of this module's state."""
        buffers = self.agent.memory.store.named_buffers() if self.agent.memory is not None else ()
        return {f"agent.memory.store.{name}": buffer for name, buffer in buffers}

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers except the memory's contents, which averages of weights must not change."""
        contents = self._contents()
        return (buffer for name, buffer in self.named_buffers(recurse=recurse) if name not in contents)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out the memory's contents: they last for one block, and a test may choose another memory."""
        for name in self._contents():
            checkpoint["state_dict"].pop(name, None)
        memory = self.agent.memory
        if memory is not None and memory.embedder is not None:
            checkpoint[EMBEDDER_KEY] = describe_embedder(memory.embedder, "agent.memory.embedder.")
        elif self.cues.network is not None:
            checkpoint[EMBEDDER_KEY] = describe_embedder(self.cues.network, "cues.network.")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"].update(self._contents())
