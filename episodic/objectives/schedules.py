"""Numbers that change over the course of training, such as an entropy weight or a learning-rate factor."""

import math
from abc import ABC, abstractmethod

from episodic.errors import require_finite, require_fraction, require_positive


class Schedule(ABC):
    """A function of the training progress, from 0 at the start to 1 at the end."""

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """Return the value at `progress`, clipped to [0, 1]."""


class LinearSchedule(Schedule):
    """Move from `start` to `end` on a straight line over the first `duration` of training, then stay.

    >>> LinearSchedule(2.0, 1.0, duration=0.5)(0.25)
    1.5
    """

    def __init__(self, start: float, end: float, duration: float = 1.0) -> None:
        require_fraction(duration=duration)
        require_positive(duration=duration)
        require_finite(start=start, end=end)
        self.start, self.end, self.duration = start, end, duration

    def __call__(self, progress: float) -> float:
        done = min(max(progress, 0.0) / self.duration, 1.0)
        return self.start + (self.end - self.start) * done


class CosineSchedule(LinearSchedule):
    """Move from `start` to `end` along half a cosine over the first `duration` of training, then stay.

    >>> CosineSchedule(2.0, 1.0)(0.5)
    1.5
    """

    def __call__(self, progress: float) -> float:
        done = min(max(progress, 0.0) / self.duration, 1.0)
        return self.end + (self.start - self.end) * 0.5 * (1.0 + math.cos(math.pi * done))


class WarmupCosineSchedule(CosineSchedule):
    """Rise linearly from 0 to `start` over the first `warmup` of training, then follow half a cosine to `end`.

    >>> WarmupCosineSchedule(2.0, 1.0, warmup=0.5)(0.25)
    1.0
    """

    def __init__(self, start: float, end: float, warmup: float = 0.05) -> None:
        require_fraction(warmup=warmup)
        super().__init__(start, end)
        self.warmup = warmup

    def __call__(self, progress: float) -> float:
        progress = min(max(progress, 0.0), 1.0)
        if progress < self.warmup:
            return self.start * progress / self.warmup
        return super().__call__((progress - self.warmup) / max(1.0 - self.warmup, 1e-9))
