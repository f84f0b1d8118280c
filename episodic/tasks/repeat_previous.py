"""Repeat previous: at each step, name the symbol that was shown `delay` steps before.

A test of a core's own memory within an episode, after POPGym's RepeatPrevious (Morad et al. 2023, arXiv 2303.01859),
on which Lu et al. 2023 (arXiv 2303.03982) compare recurrent cores. At each step the observation shows one of
`symbols` symbols, drawn uniformly, one-hot. An action names a symbol. From step `delay` on (steps count from 0), naming
the symbol of `delay` steps before pays 1; everything else pays 0.

Nothing returns from one episode to the next, so an episodic memory is of no use here: cues are a constant.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from episodic.errors import require, require_positive
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.task import Schedule, Task


class ShownSymbols(NamedTuple):
    """What a block shows."""

    symbols: Tensor  # [E, T, B] long


class RepeatEpisode:
    """One episode.

    Args:
        right: `[T, B]` long, the rewarded action of each step; -1 where none is.
    """

    def __init__(self, right: Tensor) -> None:
        self.right = right

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of actions `[B, 1]` in place."""
        reward.copy_(action == self.right[t].unsqueeze(1))

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the `regret` `[T, B]`: 1 for a wrong answer."""
        return {"regret": ((self.right >= 0) & (actions != self.right)).float()}


@dataclass(frozen=True)
class RepeatPrevious(Task):
    """Name the symbol of some steps before.

    Args:
        delay: Steps between a symbol and its answer.
        length: Steps T in an episode.
        symbols: Number of symbols, which is the number of actions.
        episodes: Episodes E in a block.

    Raises:
        InputError: A number is below 1; fewer than two symbols; a delay that no step of the episode is after.

    >>> task = RepeatPrevious(delay=2, length=5)
    >>> spec = task.draw_block(batch_size=3, seed=0)
    >>> task.ideal_rewards(spec)[0, :, 0]
    tensor([0., 0., 1., 1., 1.])
    """

    delay: int = 4
    length: int = 52
    symbols: int = 4
    episodes: int = 10

    def __post_init__(self) -> None:
        require_positive(delay=self.delay, length=self.length, episodes=self.episodes)
        require(self.symbols >= 2, f"symbols is {self.symbols}: it must be at least 2")
        require(self.delay < self.length, f"delay is {self.delay}: it must be less than length, {self.length}")

    @property
    def actions(self) -> int:
        return self.symbols

    @property
    def steps(self) -> int:
        return self.length

    @property
    def cue_size(self) -> int:
        return 1

    @property
    def label_count(self) -> int:
        return 1

    @property
    def observation_size(self) -> int:
        return self.symbols

    @property
    def measures(self) -> tuple[str, ...]:
        return ("regret",)

    @property
    def schedule(self) -> Schedule:
        """Nothing is read or written: nothing returns."""
        return Schedule((False,) * self.length, (False,) * self.length)

    @property
    def chance(self) -> float:
        return (self.length - self.delay) / self.symbols

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        shape = (self.episodes, self.length, batch_size)
        return BlockSpec(
            cues=torch.ones(self.episodes, batch_size, 1),
            labels=torch.zeros(self.episodes, batch_size, dtype=torch.long),
            exposures=torch.ones(self.episodes, batch_size, dtype=torch.long),
            seed=seed,
            rules=ShownSymbols(torch.randint(self.symbols, shape, generator=seeded(seed, 0))),
        )

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> RepeatEpisode:
        """Begin an episode; all its observations are known beforehand."""
        shown = spec.rules.symbols[episode]
        observation[: self.length] = one_hot(shown, self.symbols)
        right = torch.full_like(shown, -1)
        right[self.delay :] = shown[: -self.delay]
        return RepeatEpisode(right)

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor:
        """Return the rewards `[E, T, B]` of the player that remembers the symbols of its episode."""
        rewards = torch.ones(spec.episodes, self.length, spec.batch_size, device=spec.labels.device)
        rewards[:, : self.delay] = 0
        return rewards
