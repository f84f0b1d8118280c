"""The rules of a compositional bandit's block, and one of its episodes."""

from functools import cached_property
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
        luck: `[T, B]`; an arm pays if the luck of the step is below the arm's probability.
        dtype: of the rewards.
    """

    def __init__(
        self, rules: CompositionalRules, episode: int, luck: Tensor, dtype: torch.dtype = torch.float32
    ) -> None:
        self.rules, self.episode, self.luck, self.dtype = rules, episode, luck, dtype
        self.good, self.attended = rules.good[episode], rules.attended[episode]

    @cached_property
    def pays(self) -> Tensor:
        """The reward `[T, B, 2]` of the arm at each position."""
        is_good = self.good.unsqueeze(-1) == torch.arange(ARMS, device=self.luck.device)
        return (self.luck.unsqueeze(-1) < self.rules.probabilities[is_good.long()]).to(self.dtype)

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of actions `[B, 1]` in place."""
        torch.gather(self.pays[t], 1, action ^ self.attended[t].unsqueeze(1), out=reward)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the regret `[T, B]`, and that of the episode by familiarity, NaN for other familiarities."""
        bad, good = self.rules.probabilities
        regret = (actions ^ self.attended != self.good) * (good - bad)
        return {"regret": regret, **by_familiarity("regret", regret, self.rules.familiar[self.episode])}


def by_familiarity(name: str, values: Tensor, familiar: Tensor) -> dict[str, Tensor]:
    """Split values `[T, B]` by the familiarity `[B]` of the episode's arms; NaN for other familiarities.

    >>> parts = by_familiarity("regret", torch.tensor([[0.8, 0.0]]), torch.tensor([0, 3]))
    >>> parts["regret_new"], parts["regret_familiar"]
    (tensor([[0.8000,    nan]]), tensor([[nan, 0.]]))
    """
    return {
        f"{name}_{kind}": torch.where(familiar == index, values, torch.nan) for index, kind in enumerate(FAMILIARITY)
    }
