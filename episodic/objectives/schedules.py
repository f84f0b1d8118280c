"""How a number (an entropy weight, a learning rate's factor) changes over the course of training."""

import math
from abc import ABC, abstractmethod

from episodic.errors import require_fraction, require_positive


class Schedule(ABC):
    """A function of the progress of training: 0 at its start, 1 at its end."""

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """The value at `progress`, which is clipped to [0, 1]."""


class LinearSchedule(Schedule):
    """From `start` to `end` in a straight line over the first `duration` of training, then `end`."""

    def __init__(self, start: float, end: float, duration: float = 1.0) -> None:
        require_fraction(duration=duration)
        require_positive(duration=duration)
        self.start, self.end, self.duration = start, end, duration

    def __call__(self, progress: float) -> float:
        done = min(max(progress, 0.0) / self.duration, 1.0)
        return self.start + (self.end - self.start) * done


class CosineSchedule(LinearSchedule):
    """From `start` to `end` along half a cosine over the first `duration` of training, then `end`."""

    def __call__(self, progress: float) -> float:
        done = min(max(progress, 0.0) / self.duration, 1.0)
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * done))


class WarmupCosineSchedule(CosineSchedule):
    """A straight line from 0 to `start` over the first `warmup` of training, then half a cosine to `end`."""

    def __init__(self, start: float, end: float, warmup: float = 0.05) -> None:
        require_fraction(warmup=warmup)
        super().__init__(start, end)
        self.warmup = warmup

    def __call__(self, progress: float) -> float:
        progress = min(max(progress, 0.0), 1.0)
        if progress < self.warmup:
            return self.start * progress / self.warmup
        return super().__call__((progress - self.warmup) / max(1.0 - self.warmup, 1e-9))
