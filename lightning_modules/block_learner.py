"""An agent learns from the blocks that it plays, by advantage actor-critic; an encoder may learn beside it."""

from abc import abstractmethod
from typing import Any, cast

import torch
from torch import Tensor, nn

from episodic.agents.agent_checks import require_learning
from episodic.agents.encoder_learner import EncoderLearner, Lesson, no_gradient
from episodic.agents.online_learning import OnlineLearner
from episodic.agents.rollout import Trajectory
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives.actor_critic import ActorCriticLoss, actor_critic_loss
from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.schedules import Schedule
from episodic.tasks.blocks import BlockSpec
from lightning_modules.block_player import BlockPlayer
from lightning_modules.randomness import step_generator


class BlockLearner(BlockPlayer):
    """Trains an agent, whose constructor sets the parts that are named here.

    The weights are updated after each episode of a block. An encoder of the agent's states that learns `online` does so
    then too, one of drawings (`perception.learner`) at the end of the block.
    """

    encoder: HiddenStateEmbedder | None
    online: OnlineLearner | None
    optimisation: ConfiguredOptimizer
    entropy_weight: Schedule
    discount: float
    trace: float
    value_weight: float
    gradient_norm: float

    @abstractmethod
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def setup(self, stage: str) -> None:
        """As `BlockPlayer.setup`; before a training, check that there is something to learn."""
        super().setup(stage)
        if stage == "fit":
            require_learning(self, self.trainer.world_size)

    @property
    def _learning(self) -> tuple[EncoderLearner, nn.Module] | None:
        """What an encoder learns by while the agent plays, and that encoder; None where none does."""
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
        return [agent, learner.configure(network, self._blocks)]

    def _blocks(self) -> float:
        """Blocks of the whole training; infinite before it has started."""
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
        batch = self.perceived(batch, "train")
        logged, learned = [], []
        for episode, trajectory in enumerate(self.play(batch, greedy=False)):
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
        optimizer, images = self._optimizers()[1], self.drawings("train").images
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
