"""The optimiser steps of an agent, and of an embedder that learns beside it."""

import math
from collections.abc import Iterable
from typing import Protocol, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from episodic.agents.agent import Agent
from episodic.agents.learning.learner import EmbedderLearner, Lesson
from episodic.native import arithmetic
from episodic.objectives.known_gradient import backward
from episodic.objectives.native_adam import clip_gradients
from episodic.precision import full_precision
from lightning_modules.update_hooks import updates_are_plain


class StepCounter(Protocol):
    """Lightning's count of optimiser steps, which `global_step` is."""

    def increment_ready(self) -> None: ...

    def increment_completed(self) -> None: ...


class AgentUpdates:
    """Makes the optimiser steps of a training by manual optimisation.

    Args:
        module: the training stage, with the agent's optimiser and, with a learner, the learner's as its second.
        agent: that is trained.
        learner: trains an embedder; None where none learns.
        gradient_norm: the agent's gradients are clipped to this norm.
    """

    def __init__(
        self, module: pl.LightningModule, agent: Agent, learner: EmbedderLearner | None, gradient_norm: float
    ) -> None:
        self.module, self.agent, self.learner, self.gradient_norm = module, agent, learner, gradient_norm
        self._counter: StepCounter | None = None  # where updates are plain

    def begin(self) -> None:
        """Get ready for a training, when its callbacks and its strategy are known."""
        trainer = self.module.trainer
        loop = trainer.fit_loop.epoch_loop.manual_optimization
        self._counter = loop.optim_step_progress if updates_are_plain(trainer) else None

    @property
    def optimizers(self) -> list[LightningOptimizer]:
        """The agent's optimiser and, with a learner, the learner's."""
        optimizers = self.module.optimizers()
        return cast(list[LightningOptimizer], optimizers if isinstance(optimizers, list) else [optimizers])

    @property
    def arithmetic(self) -> str:
        """What computes the agent's episodes: `native`, or `PyTorch` with the reason in brackets."""
        return arithmetic(self.module.trainer.strategy.root_device, self.agent.heads.weight.dtype)

    def lesson(self, episode: int, generator: torch.Generator) -> Lesson | None:
        """What an embedder learns from after this episode, if anything."""
        if self.learner is None or not self.learner.settings.trigger.due(episode):
            return None
        return self.learner.lesson(None, generator)

    def after_episodes(self, total: Tensor, lesson: Lesson | None) -> None:
        """Step the agent's optimiser and, if there is a lesson, the learner's.

        One backward pass serves both: distributed processes wait for the gradient of every parameter in each pass.
        """
        optimizers, learner = self.optimizers, self.learner
        if lesson is not None:
            total = total + lesson.loss
        elif learner is not None and self._distributed:
            total = total + no_gradient(learner.learned())
        for optimizer in optimizers:
            optimizer.zero_grad()
        if total.requires_grad:
            self._backward(total)
        self._step(optimizers[0])
        if lesson is not None and learner is not None:
            self._step(optimizers[1])
            learner.refresh()

    def _backward(self, total: Tensor) -> None:
        """Compute the gradients; autocast, which covers a whole training step, must not reach into their formulas."""
        with full_precision(total.device):
            if self._counter is not None:
                backward(total)
            else:
                self.module.manual_backward(total)

    def _step(self, optimizer: LightningOptimizer) -> None:
        """Have the module clip the gradients, step an optimiser, and count the step, as Lightning does it."""
        if (counter := self._counter) is None:
            optimizer.step()
            return
        counter.increment_ready()
        self.module.on_before_optimizer_step(optimizer.optimizer)
        optimizer.optimizer.step()
        counter.increment_completed()

    def clip(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradients of an optimiser's parameters to the norm."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        clip_gradients(parameters, self.gradient_norm)

    def after_block(self, learner: EmbedderLearner, images: Tensor | None, generator: torch.Generator) -> list[Tensor]:
        """Step the learner's optimiser as often as its trigger says; the metrics of each lesson."""
        optimizer, metrics = self.optimizers[1], []
        for _ in range(learner.settings.trigger.updates):
            lesson = learner.lesson(images, generator)
            total = lesson.loss
            if self._distributed:
                total = total + no_gradient(self.agent.policy_parameters())
            optimizer.zero_grad()
            self._backward(total)
            self._step(optimizer)
            metrics.append(lesson.metrics)
        if metrics:
            learner.refresh()
        return metrics

    def step_schedules(self) -> None:
        """Step the learning-rate schedules, once per block."""
        schedulers = self.module.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            if isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler):
                scheduler.step()

    def planned_blocks(self, updates: int) -> float:
        """Blocks of the planned training: up to the last epoch, or to the block that reaches `max_steps`, if earlier.

        Infinite without either limit.

        Args:
            updates: steps of the agent's optimiser in a block.
        """
        trainer, lessons = self.module.trainer, 0
        if self.learner is not None:
            lessons = self.learner.settings.trigger.lessons(updates)
        steps = math.ceil(trainer.max_steps / (updates + lessons)) if trainer.max_steps != -1 else math.inf
        epochs = math.inf if trainer.max_epochs in (None, -1) else int(trainer.max_epochs or 0)
        return min(trainer.num_training_batches * epochs if epochs else 0, steps)

    def progress(self, updates: int) -> float:
        """Share of the planned blocks of so many updates that is done."""
        return self.module.trainer.fit_loop.epoch_loop.total_batch_idx / max(self.planned_blocks(updates), 1)

    @property
    def _distributed(self) -> bool:
        return self.module.trainer.world_size > 1


def no_gradient(parameters: Iterable[nn.Parameter]) -> Tensor:
    """0, with a gradient of 0 to every parameter."""
    learning = [parameter.sum() for parameter in parameters if parameter.requires_grad]
    return torch.stack(learning).sum() * 0 if learning else torch.zeros(())
