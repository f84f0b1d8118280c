"""Optimiser and learning-rate schedule as the configuration has them, also after a resume."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from episodic.objectives.schedules import Schedule

#: Builds an optimiser from parameters; a config names its class and arguments.
OptimizerCallable = Callable[[Iterable], torch.optim.Optimizer]  # type: ignore[type-arg]


class ConfiguredOptimizer:
    """Builds an optimiser with its schedule, and puts the configuration's numbers back after a checkpoint.

    A checkpoint brings the optimiser's moments and the schedule's position; learning rate, betas, weight
    decay and the like are the configuration's to say.

    Args:
        build: makes the optimiser from parameters.
        schedule: factor of the learning rate by progress; None keeps it constant.
    """

    def __init__(self, build: OptimizerCallable, schedule: Schedule | None) -> None:
        self.build, self.schedule = build, schedule
        self.optimizer: torch.optim.Optimizer
        self.scheduler: LambdaLR | None = None
        self._configured: list[dict[str, Any]] = []

    def configure(self, parameters: Any, steps: Callable[[], float], interval: str) -> dict[str, Any]:
        """What `configure_optimizers` returns; `steps()` is the number of scheduler steps in the whole training."""
        self.optimizer = self.build(parameters)
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

    def restore_configuration(self) -> None:
        """Call when training starts: whatever a checkpoint said of the optimiser's settings is overruled."""
        for group, configured in zip(self.optimizer.param_groups, self._configured, strict=True):
            group.update(configured)
            if self.scheduler is not None:
                group["initial_lr"] = configured["lr"]
        if self.scheduler is not None and self.schedule is not None:
            self.scheduler.base_lrs = [configured["lr"] for configured in self._configured]
            factors = [factor(self.scheduler.last_epoch) for factor in self.scheduler.lr_lambdas]
            for group, lr, factor in zip(self.optimizer.param_groups, self.scheduler.base_lrs, factors, strict=True):
                group["lr"] = lr * factor
