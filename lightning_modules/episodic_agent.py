"""The RL agent: an episodic LSTM with a key-value memory, trained by advantage actor-critic."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from errors import require, require_fraction, require_positive
from lightning_modules.agent_checks import (
    require_initial,
    require_learning,
    require_memory,
    require_one_learner,
    require_sizes,
)
from lightning_modules.cue_encoder import CueEncoder
from lightning_modules.cue_learning import CueLearning
from lightning_modules.encoder_learner import EncoderLearner, Lesson, no_gradient
from lightning_modules.key_encoder import KeyEncoder, require_encoder
from lightning_modules.key_parts import build_key_parts
from lightning_modules.online_learning import OnlineLearning
from lightning_modules.optimisation import ConfiguredOptimizer
from lightning_modules.perception import DrawingTable, Perception
from lightning_modules.randomness import step_generator
from losses.actor_critic import ActorCriticLoss, actor_critic_loss
from losses.schedules import LinearSchedule, Schedule
from memory.episodic_memory import EpisodicMemory
from networks.actor_critic import RecurrentActorCritic
from networks.agent_weights import copy_agent
from networks.pretrained import EMBEDDER_KEY, describe_embedder
from tasks.bandit import Bandit
from tasks.blocks import BlockSpec
from tasks.harvest import harvest_block
from tasks.keys import KeySource
from tasks.players import PLAYERS, play_block
from tasks.rollout import Trajectory, play_episodes
from tasks.statistics import BanditStatistics

MemoryFactory = Callable[[int, int, int], EpisodicMemory]

#: Beginnings of the names of what every process has for itself.
OWN = ("memory.", "online.", "perception.learner.")


class EpisodicAgent(pl.LightningModule):
    """epL2RL, L2RL and L2RL+context by configuration alone (Ritter et al. 2018, section 4).

    With a `memory` the agent is epL2RL: `key_source` says what the memory is searched by, the final cell state is the
    value, and what is recalled enters through the reinstatement gate. Without one (or with the key source `none`) it
    is L2RL, and with `cue_input` L2RL+context. One batch is a block; the weights are updated after each of its
    episodes.

    With the key source `encoder` the keys are what an encoder makes of the LSTM's states. It stays as it is, or learns
    `online` from what the memory holds; the LSTM gets no gradient from it. `initial` starts from another agent's
    network, which with `freeze_network` stays as it is: the states are then those that the encoder was trained on.

    Where contexts show themselves by drawings, a cue is what `cue_encoder` makes of one, which stays as it is or learns
    (`cue_learning`) after each block from the drawings that the memory holds; without it, the drawing's pixels.

    Args:
        actions: number of actions; None takes the data's.
        cue_size: length of a cue; None takes the data's.
        label_count: number of distinct labels; None takes the data's.
        pulls: pulls in an episode; None takes the data's.
        episodes: episodes in a block; None takes the data's.
        capacity: slots of the memory; None takes one for each key that a block stores.
        hidden_size: length of the LSTM's states.
        memory: builds the memory from (capacity, key size, value size); None plays without.
        key_source: what the memory is searched by, `context` (the cue), `input`, `hidden`, `encoder`, `label` or
            `none`; see `tasks.keys.KeySource`.
        key_state: of the key sources `hidden` and `encoder`, `cell` or `hidden` state.
        stored_states: which steps' keys are stored, `first`, `last`, `after_first_quarter` or `all`.
        stored_value: what a stored key maps to, the episode's `final` cell state or the step's `own`.
        read_at: of a key that changes, whether the memory is searched at `every` pull, or at the `first` alone.
        stack_labels: what stacks are found by, the true `context` or the label `predicted` by the encoder's classifier.
        encoder: of the key source `encoder`, how it is built and where its weights come from.
        online: how the encoder learns while the agent plays; None leaves it as it is.
        initial: checkpoint of the agent whose network this one starts from. It is read when the training starts, and
            not needed any more afterwards. None starts from random weights.
        freeze_network: whether LSTM and heads stay as they are.
        cue_input: whether the cue is part of the network's input.
        cue_projection: length of a learned linear projection of the cue that takes its place in the input; None gives
            the cue itself.
        cue_encoder: what makes cues of drawings; None takes their pixels.
        cue_learning: how that encoder learns while the agent plays; None leaves it as it is.
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
        InputError: a number out of its range, sizes that are not the data's, parts that do not go together.
    """

    transferred: Tensor

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
        read_at: str = "every",
        stack_labels: str = "context",
        encoder: KeyEncoder | None = None,
        online: OnlineLearning | None = None,
        initial: str | None = None,
        freeze_network: bool = False,
        cue_input: bool = False,
        cue_projection: int | None = None,
        cue_encoder: CueEncoder | None = None,
        cue_learning: CueLearning | None = None,
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
        require_encoder(encoder, key_source)
        require_one_learner(encoder, online, cue_learning)
        require_initial(initial, freeze_network)
        self.perception = Perception(cue_encoder, cue_learning, cue_size, label_count)
        cue_length = self.perception.cue_size
        self._key_parts = build_key_parts(
            encoder,
            online,
            hidden_size=hidden_size,
            label_count=label_count,
            predicts_stacks=stack_labels == "predicted",
        )
        self.encoder, self.online, self.classifier = self._key_parts
        stack_of = self._key_parts.stack_of(stack_labels)
        self.keys = KeySource(key_source, key_state, stored_states, stored_value, read_at, self.encoder, stack_of)
        with_memory = memory is not None and key_source != "none"
        self.sizes = {"actions": actions, "cue_size": cue_size, "label_count": label_count, "pulls": pulls}
        self.network = RecurrentActorCritic(
            actions,
            cue_length,
            hidden_size,
            cue_input=cue_input,
            cue_projection=cue_projection,
            reinstatement=with_memory,
            forget_bias=forget_bias,
            reinstatement_bias=reinstatement_bias,
        )
        self.memory: EpisodicMemory | None = None
        if memory is not None and with_memory:
            sizes = {"actions": actions, "cue_size": cue_length, "hidden_size": hidden_size, "label_count": label_count}
            slots = episodes * len(self.keys.stored_steps(pulls)) if capacity is None else capacity
            self.memory = memory(slots, self.keys.size(**sizes), hidden_size)
            if self.online is not None:
                self.memory.keep_sources(hidden_size)
            elif cue_learning is not None:
                self.memory.keep_sources(1)  # the drawing's row in its table
        require_memory(self.memory, encoder, cue_learning, stack_labels)
        self.network.requires_grad_(not freeze_network)
        self.key_encoder, self.initial = encoder, initial
        if encoder is not None or initial is not None or cue_encoder is not None:
            # In the checkpoint, so that a resume keeps what has been learned since.
            self.register_buffer("transferred", torch.tensor(False))
        # Every process has memories of its own.
        own = [name for name, _ in self.named_buffers() if name.startswith(OWN)]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, own)
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
        require_sizes(self.sizes, self.trainer.datamodule.sizes)  # type: ignore[attr-defined]
        require(
            self.perception.network is None or self.task.shows_drawings,
            "cue_encoder is given, yet the data show no drawings: set it to null, or data.cue to drawing",
        )
        self.perception.forget()
        if stage == "fit":
            require_learning(self, self.trainer.world_size)
            self._key_parts.require_learnable(self.task)
        task, by_pull = self.task, self.memory is not None and self.keys.searches(self.task.pulls) > 1
        statistics = BanditStatistics(task.exposures, task.pulls, task.episodes, by_pull=by_pull)
        self.statistics = nn.ModuleDict({"val": statistics, "test": statistics.clone()})

    def on_fit_start(self) -> None:
        """Take over the weights of earlier stages, unless a resumed training has done so before."""
        if not hasattr(self, "transferred") or bool(self.transferred):
            return
        self.perception.fill()
        if self.initial is not None:
            copy_agent(self.network, self.initial)
        if self.key_encoder is not None and self.encoder is not None:
            needed = self.keys.stack_of is not None
            self.key_encoder.fill(self.encoder, self._key_parts.labelling, needed=needed, state=self.keys.state)
        self.transferred.fill_(True)

    def train(self, mode: bool = True) -> "EpisodicAgent":
        """Switch to training or evaluation; the encoder always embeds as in evaluation, see `OnlineLearner.lesson`."""
        super().train(mode)
        if self.encoder is not None:
            self.encoder.eval()
        return self

    def _contents(self) -> dict[str, Tensor]:
        """What the memory holds, by the names of this module's state."""
        buffers = self.memory.named_buffers() if self.memory is not None else ()
        return {f"memory.{name}": buffer for name, buffer in buffers}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what the memory holds: it is over with the block, and a test may choose another memory."""
        for name in self._contents():
            checkpoint["state_dict"].pop(name, None)
        if self.encoder is not None:
            checkpoint[EMBEDDER_KEY] = describe_embedder(self.encoder, self.encoder.arguments, "encoder.")
        elif (sight := self.perception).network is not None:
            checkpoint[EMBEDDER_KEY] = describe_embedder(sight.network, sight.arguments, "perception.network.")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"].update(self._contents())

    @property
    def _learning(self) -> tuple[EncoderLearner, nn.Module] | None:
        """The encoder that learns while the agent plays, if one does, and what it learns by."""
        for learner, network in ((self.online, self.encoder), (self.perception.learner, self.perception.network)):
            if learner is not None and network is not None:
                return learner, network
        return None

    def configure_optimizers(self) -> Any:
        # With a network that stays as it is too: its optimiser then does nothing, but the steps are counted.
        agent = self.optimisation.configure(self._of_agent(), self._blocks, "step")
        if self._learning is None:
            return agent
        learner, network = self._learning
        return [agent, learner.configure(network, self._blocks())]

    def _blocks(self) -> float:
        """Blocks of the whole training; not known before it has started."""
        epochs = self.trainer.max_epochs if self.trainer.max_epochs and self.trainer.max_epochs > 0 else 1
        return self.trainer.num_training_batches * epochs

    def progress(self) -> float:
        """Share of the training that is done, by blocks."""
        return self.trainer.fit_loop.epoch_loop.total_batch_idx / max(self._blocks(), 1)

    def on_train_start(self) -> None:
        self.optimisation.restore_configuration()
        if self._learning is not None:
            self._learning[0].optimisation.restore_configuration()

    def loss(self, trajectory: Trajectory, entropy_weight: float, cue: Tensor | None = None) -> ActorCriticLoss:
        """The loss of one episode, with its gradient; cue `[B, K]`, for a network that has a projection of it."""
        recalled = trajectory.recall.value if trajectory.recall is not None else None
        logits, values = self.network(trajectory.joint, trajectory.cells, trajectory.gates, recalled, cue)
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
        entropy_weight = self.entropy_weight(self.progress())
        generator = step_generator(self, batch_idx) if self._learning is not None else None
        batch = self._perceived(batch, "train")
        logged, learned = [], []
        for episode, trajectory in enumerate(self._play(batch, greedy=False)):
            loss = self.loss(trajectory, entropy_weight, batch.cues[episode])
            lesson = self._lesson(episode, generator)
            self._update(loss.total, lesson)
            logged.append(torch.stack([trajectory.rewards.mean(), *(part.detach() for part in loss)]))
            if lesson is not None:
                learned.append(lesson.figures)
        if self.perception.learner is not None and generator is not None:
            learned = self._learn_cues(generator)
        learning_rate = self._optimizers()[0].param_groups[0]["lr"]
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
                **(self._learning[0].metrics(learned) if self._learning is not None else {}),
                "step": self._episodes,
            },
            sync_dist=self.trainer.world_size > 1,
            batch_size=batch.batch_size,
        )

    def _lesson(self, episode: int, generator: torch.Generator | None) -> Lesson | None:
        """What the encoder learns from after this episode, if anything."""
        if self.online is None or not self.online.due(episode):
            return None
        assert self.encoder is not None
        assert self.memory is not None
        assert generator is not None
        return self.online.lesson(self.encoder, self.memory, generator)

    def _update(self, total: Tensor, lesson: Lesson | None) -> None:
        """Make a step of the agent's optimiser and, where there is a lesson, of the encoder's.

        One backward pass serves both: distributed processes wait for the gradient of every parameter in each.
        """
        optimizers = self._optimizers()
        if lesson is not None:
            total = total + lesson.loss
        elif self.trainer.world_size > 1 and (others := self._of_encoder()):
            total = total + no_gradient(others)
        for optimizer in optimizers:
            optimizer.zero_grad()
        if total.requires_grad:
            self.manual_backward(total)
        self.clip_gradients(optimizers[0], gradient_clip_val=self.gradient_norm, gradient_clip_algorithm="norm")
        optimizers[0].step()
        if lesson is not None and self.online is not None and self.encoder is not None and self.memory is not None:
            optimizers[1].step()
            self.online.refresh(self.encoder, self.memory)

    def _of_agent(self) -> list[nn.Parameter]:
        """What the agent's optimiser changes, or leaves as it is."""
        return [*self.network.parameters(), *(self.memory.parameters() if self.memory is not None else ())]

    def _of_encoder(self) -> list[nn.Parameter]:
        """What the optimiser of an encoder that learns changes."""
        if self._learning is None:
            return []
        learner, network = self._learning
        return learner.learned(network)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """The agent's and, where the encoder learns online, the encoder's."""
        found = self.optimizers()
        return cast(list[torch.optim.Optimizer], found if isinstance(found, list) else [found])

    def _learn_cues(self, generator: torch.Generator) -> list[Tensor]:
        """Update the encoder of drawings from what the memories hold at a block's end; loss and accuracy of each."""
        sight, learned = self.perception, []
        assert sight.learner is not None
        assert sight.network is not None
        assert self.memory is not None
        optimizer, images = self._optimizers()[1], self._drawings("train").images
        for _ in range(sight.learner.settings.updates):
            lesson = sight.learner.lesson(sight.network, self.memory, images, generator)
            total = lesson.loss
            if self.trainer.world_size > 1:
                total = total + no_gradient(self._of_agent())
            optimizer.zero_grad()
            self.manual_backward(total)
            optimizer.step()
            learned.append(lesson.figures)
        sight.forget()
        return learned

    def _step_schedule(self) -> None:
        schedulers = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
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
        statistics, batch = self.statistics[split], self._perceived(batch, split)
        assert isinstance(statistics, BanditStatistics)
        for episode, trajectory in enumerate(self._play(batch, self.greedy_evaluation)):
            gate = self.network.cell.reinstatement_gate(trajectory.gates)
            occupied = self.memory.occupied if self.memory is not None else None
            statistics.update(trajectory, batch, episode, gate, occupied)
        statistics.add_ideal(self.ideal_reward(batch))

    def _play(self, batch: BlockSpec, greedy: bool) -> Iterator[Trajectory]:
        return play_episodes(self.task, self.network, self.memory, batch, keys=self.keys, greedy=greedy)

    def _perceived(self, batch: BlockSpec, split: str) -> BlockSpec:
        """The block with cues, where it shows drawings."""
        if batch.drawings is None:
            return batch
        return self.perception(batch, self._drawings(split), self.trainer.datamodule.characters_of(split))  # type: ignore[attr-defined, no-any-return]

    def _drawings(self, split: str) -> DrawingTable:
        part = self.trainer.datamodule.part(split)  # type: ignore[attr-defined]
        return DrawingTable(part.images, part.labels)

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
        """A harvest of the block, see `tasks.harvest` and `datamodules.harvest_files`."""
        batch = self._perceived(batch, "predict")
        return harvest_block(self._play(batch, self.greedy_evaluation), self.network.cell, batch)
