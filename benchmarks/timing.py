"""Timing of several variants in turns."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

Result = TypeVar("Result")


@dataclass(frozen=True)
class Setting:
    """Settings of all measurements; a variant is measured for at least `seconds` in a round."""

    environments: int
    device: torch.device
    rounds: int
    seconds: float

    def now(self) -> float:
        """The time, once the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Repeated:
    """One variant; a call returns the mean microseconds of a step, over enough steps to fill the setting's time."""

    def __init__(self, step: Callable[[], object], setting: Setting, scale: float = 1.0) -> None:
        self.step, self.setting, self.scale, self.steps = step, setting, scale, 1
        self._elapsed()  # the first step warms up, the second tells how many steps are needed
        self.steps = max(1, math.ceil(setting.seconds / self._elapsed()))

    def __call__(self) -> float:
        return self._elapsed() / self.steps * self.scale * 1e6

    def _elapsed(self) -> float:
        begun = self.setting.now()
        for _ in range(self.steps):
            self.step()
        return self.setting.now() - begun


def take_turns(variants: dict[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """The results of every variant, one for each round."""
    results: dict[str, list[Result]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            results[name].append(variant())
    return results


def medians(results: dict[str, list[float]], unit: float = 1.0) -> dict[str, float]:
    """Medians over the rounds, in multiples of `unit`."""
    return {name: round(statistics.median(times) / unit, 3) for name, times in results.items()}
