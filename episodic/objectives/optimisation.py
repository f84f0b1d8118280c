"""An optimiser and a learning-rate schedule whose settings always come from the configuration."""

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from episodic.objectives.optimizer_checks import checked_optimizer
from episodic.objectives.schedules import Schedule

#: Builds an optimiser from parameters; a config names its class and arguments.
OptimizerCallable = Callable[[Iterable], torch.optim.Optimizer]  # type: ignore[type-arg]


class ConfiguredOptimizer:
    """Build an optimiser with its schedule, and keep the configuration's settings after a checkpoint is loaded.

    A checkpoint restores the optimiser's moments and the schedule's position. Learning rate, betas, weight decay and
    the like stay as configured.

    Args:
        build: makes the optimiser from parameters.
        schedule: factor of the learning rate by training progress; None keeps the rate constant.

    >>> from functools import partial
    >>> from episodic.objectives.schedules import LinearSchedule
    >>> configured = ConfiguredOptimizer(partial(torch.optim.SGD, lr=0.5), LinearSchedule(1.0, 0.0))
    >>> parts = configured.configure([torch.nn.Parameter(torch.ones(1))], steps=lambda: 10, interval="step")
    >>> configured.optimizer.step(), configured.scheduler.step()
    (None, None)
    >>> configured.optimizer.param_groups[0]["lr"]
    0.45
    """

    def __init__(self, build: OptimizerCallable, schedule: Schedule | None) -> None:
        self.build, self.schedule = build, schedule
        self.optimizer: torch.optim.Optimizer
        self.scheduler: LambdaLR | None = None
        self._configured: list[dict[str, Any]] = []

    def configure(
        self, parameters: Any, steps: Callable[[], float], interval: str, *, scaled: bool = False
    ) -> dict[str, Any]:
        """Build optimiser and scheduler, in the dictionary that Lightning's `configure_optimizers` returns.

        Args:
            parameters: anything that the optimiser's class accepts.
            steps: returns the number of scheduler steps in the whole training.
            interval: how often the scheduler steps, `step` or `epoch`.
            scaled: whether a gradient scaler multiplies the loss. The optimiser is then not a fused one, which would
                divide the gradients only after they were clipped.

        Raises:
            InputError: see `checked_optimizer`.
        """
        self.optimizer = checked_optimizer(self.build, parameters)
        if scaled:
            unfuse(self.optimizer)
        self._configured = [
            {name: value for name, value in group.items() if name != "params"} for group in self.optimizer.param_groups
        ]
        if self.schedule is None:
            return {"optimizer": self.optimizer}
        schedule = self.schedule
        self.scheduler = LambdaLR(self.optimizer, lambda step: schedule(step / max(steps(), 1)))
        return {
            "optimizer": self.optimizer,
            "lr_scheduler": {"scheduler": self.scheduler, "interval": interval, "name": "learning_rate"},
        }

    @property
    def learning_rate(self) -> float:
        """The configured learning rate of the first parameter group; setting it changes those of all groups."""
        return float(self._configured[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for configured in self._configured:
            configured["lr"] = rate
        self.restore_configuration()

    def __deepcopy__(self, memo: dict[int, Any]) -> "ConfiguredOptimizer":
        """Return a shallow copy: a copied model shares the builder and never trains (averaged weights)."""
        return copy(self)

    def restore_configuration(self) -> None:
        """Overwrite a checkpoint's optimiser settings with the configured ones; call it when training starts."""
        for group, configured in zip(self.optimizer.param_groups, self._configured, strict=True):
            group.update(configured)
            if self.scheduler is not None:
                group["initial_lr"] = configured["lr"]
        if self.scheduler is not None and self.schedule is not None:
            self.scheduler.base_lrs = [configured["lr"] for configured in self._configured]
            factors = [factor(self.scheduler.last_epoch) for factor in self.scheduler.lr_lambdas]
            for group, lr, factor in zip(self.optimizer.param_groups, self.scheduler.base_lrs, factors, strict=True):
                group["lr"] = lr * factor


def unfuse(optimizer: torch.optim.Optimizer) -> None:
    """Have an optimiser take its steps without a fused kernel, which would undo a gradient scaler's factor itself.

    >>> optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], fused=True)
    >>> unfuse(optimizer)
    >>> optimizer.param_groups[0]["fused"], getattr(optimizer, "_step_supports_amp_scaling", False)
    (None, False)
    """
    for group in optimizer.param_groups:
        if group.get("fused"):
            group["fused"] = None
    if getattr(optimizer, "_step_supports_amp_scaling", False):
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
