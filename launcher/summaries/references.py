"""Numbers to hold a metric against: chance, the ideal player, and what Ritter et al. (2018) report."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

#: Reward of an episode at the end of the paper's training, by task and agent, for the default settings of the task.
PAPER: Mapping[str, Mapping[str, float]] = {
    "BarcodeBandit": {"epL2RL": 7.6, "L2RL": 4.3, "L2RL+context": 4.3},
    "DrawingBandit": {"epL2RL": 7.5, "L2RL": 4.2, "L2RL+context": 1.8},
    "CompositionalBandit": {"epL2RL": 4.2, "L2RL+context": 3.85},
    "CompositionalDrawingBandit": {"epL2RL": 4.2, "L2RL+context": 3.85},
    "TwoStep": {"epL2RL": 71.0, "L2RL": 68.0},
    "WaterMaze": {"epL2RL": 6.9, "L2RL": 5.1, "L2RL+context": 5.1},
}
#: Settings that follow from the data: they may differ from their defaults.
FROM_DATA = {"characters", "pixels", "labels", "barcode_seed"}
#: Settings that the paper leaves open: its numbers stand beside all of them.
OPEN = {"stored", "steps_per_trial", "cued"}


class References(NamedTuple):
    """Numbers beside a metric; None where they are not known."""

    chance: float | None = None
    ideal: float | None = None
    paper: float | None = None


def references(name: str, metrics: Mapping[str, float], task: Any = None, agent: str | None = None) -> References:
    """Return the numbers that a metric is held against.

    Args:
        name: of the metric, such as `test/reward`.
        metrics: all metrics of the evaluation. The ideal player's reward follows from its ratio to the agent's.
        task: that was played, if any.
        agent: its kind in the paper; None is none of the paper's.

    >>> from episodic.tasks import BarcodeBandit
    >>> references("test/reward", {"test/reward": 8.0, "test/ideal_fraction": 0.8}, BarcodeBandit(), "epL2RL")
    References(chance=1.8, ideal=10.0, paper=7.6)
    >>> references("test/reward", {"test/reward": 8.0}, BarcodeBandit(noise=0.1), "epL2RL")
    References(chance=1.8, ideal=None, paper=None)
    >>> references("test/20way_1shot", {})
    References(chance=0.05, ideal=None, paper=None)
    """
    split, _, kind = name.partition("/")
    if kind == "reward":
        fraction = metrics.get(f"{split}/ideal_fraction", 0.0)
        ideal = metrics[name] / fraction if fraction > 0 else None
        chance = getattr(task, "chance", None)
        return References(None if chance is None else round(chance, 10), ideal, paper_reward(task, agent))
    ways = re.match(r"(\d+)way_", kind)
    return References(1 / int(ways[1])) if ways else References()


def paper_reward(task: Any, agent: str | None) -> float | None:
    """The paper's reward of an agent, if the task has the paper's settings, which are its defaults."""
    reported = PAPER.get(type(task).__name__, {}).get(str(agent))
    if reported is None:
        return None
    changed = {field.name for field in fields(task) if getattr(task, field.name) != field.default}
    return reported if changed <= FROM_DATA | OPEN else None
