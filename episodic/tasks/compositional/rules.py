"""The rules of a compositional bandit's block, and one of its episodes."""

from typing import NamedTuple

import torch
from torch import Tensor

ARMS = 2
#: Familiarity of the two arms: which of them occurred in an earlier episode of the block.
FAMILIARITY = ("new", "good_familiar", "bad_familiar", "familiar")


class CompositionalRules(NamedTuple):
    """The rules of a block; classes below half their number are good."""

    classes: Tensor  # [E, B, 2] long, the class at each position
    good: Tensor  # [E, B] long, position of the good class
    attended: Tensor  # [E, T, B] long, position of the cue that the agent attends to; at first the queried one
    familiar: Tensor  # [E, B] long, index into FAMILIARITY
    earlier: Tensor  # [E, B, 2] long, number of earlier episodes with the class at each position
    probabilities: Tensor  # [2], of a reward: of the bad class's arm and of the good one's


class CompositionalEpisode:
    """One episode; the episode's luck decides which arms pay.

    Args:
        rules: of the block.
        episode: its number.
        pays: `[T, B, 2]`, reward of the arm at each position.
    """

    def __init__(self, rules: CompositionalRules, episode: int, pays: Tensor) -> None:
        self.good, self.familiar, self.attended = rules.good[episode], rules.familiar[episode], rules.attended[episode]
        self.loss, self.pays = rules.probabilities[1] - rules.probabilities[0], pays

    @property
    def payoffs(self) -> Tensor:
        """The reward `[T, B, 2]` of every action at every step."""
        return torch.where(self.attended.unsqueeze(-1) > 0, self.pays.flip(-1), self.pays)

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of actions `[B, 1]` in place."""
        torch.gather(self.pays[t], 1, action ^ self.attended[t].unsqueeze(1), out=reward)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the regret `[T, B]`, and that of the episode by familiarity, NaN for other familiarities."""
        regret = (actions ^ self.attended != self.good) * self.loss
        return {"regret": regret, **by_familiarity("regret", regret, self.familiar)}


def by_familiarity(name: str, values: Tensor, familiar: Tensor) -> dict[str, Tensor]:
    """Split values `[T, B]` by the familiarity `[B]` of the episode's arms; NaN for other familiarities.

    >>> parts = by_familiarity("regret", torch.tensor([[0.8, 0.0]]), torch.tensor([0, 3]))
    >>> parts["regret_new"], parts["regret_familiar"]
    (tensor([[0.8000,    nan]]), tensor([[nan, 0.]]))
    """
    return {
        f"{name}_{kind}": torch.where(familiar == index, values, torch.nan) for index, kind in enumerate(FAMILIARITY)
    }
