"""The contextual choice task: evidence for one of two choices, and contexts that announce earlier trials.

A block has `trials` trials with their own contexts and evidence, and then the same trials, noise included, in
another order. A trial is an episode of `length` steps. Its context, a vector ~ N(0, I), is the cue. In the last
`length - quiet` steps the observation shows evidence ~ N(s, I), where the drift s is +`drift` or -`drift` for all
dimensions; before, it shows noise ~ N(0, I). At every step, the choice of the drift's sign pays 1. The agent does not
see its rewards, which would reveal the sign.

In the second half of a block an agent that recognises the context knows the answer from the first step on.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.task import Schedule, Task


class ChoiceRules(NamedTuple):
    """The rules of a block with N trials and D dimensions."""

    positive: Tensor  # [B, N] bool, whether a trial's drift is positive
    evidence: Tensor  # [T, B, N, D], what a trial shows


class ChoiceEpisode:
    """One trial: choice 1 is right for a positive drift, choice 0 for a negative one.

    Args:
        right: `[B, 1]` long, the right choice.
        steps: of the trial.
    """

    def __init__(self, right: Tensor, steps: int) -> None:
        self.right, self.steps = right, steps

    @property
    def payoffs(self) -> Tensor:
        """The reward `[T, B, 2]` of every action at every step."""
        return (self.right == torch.arange(2, device=self.right.device)).float().expand(self.steps, -1, -1)

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of choices `[B, 1]` in place."""
        reward.copy_(action == self.right)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the `regret` `[T, B]`: 1 for a wrong choice."""
        return {"regret": (actions != self.right.squeeze(1)).float()}


@dataclass(frozen=True)
class ContextualChoice(Task):
    """A choice with evidence that returns with its context (github.com/qihongl/dnd-lstm).

    Args:
        trials: Trials N, each of which occurs twice in a block.
        length: Steps T in a trial.
        quiet: Steps at the start of a trial without evidence.
        dimensions: Length D of an observation, and of a context.
        drift: Absolute mean of the evidence in each dimension.

    Raises:
        InputError: A number is below 1; no step with evidence; a drift that is not above 0.

    >>> spec = ContextualChoice(trials=3, dimensions=4).draw_block(batch_size=2, seed=0)
    >>> spec.cues.shape, spec.exposures[:, 0].tolist()
    (torch.Size([6, 2, 4]), [1, 1, 1, 2, 2, 2])
    """

    trials: int = 50
    length: int = 10
    quiet: int = 5
    dimensions: int = 32
    drift: float = 1.0

    def __post_init__(self) -> None:
        require_positive(trials=self.trials, length=self.length, dimensions=self.dimensions, drift=self.drift)
        require(math.isfinite(self.drift), f"drift is {self.drift}: it must be finite")
        require(
            0 <= self.quiet < self.length,
            f"quiet is {self.quiet}: it must be at least 0 and less than length, {self.length}",
        )

    @property
    def actions(self) -> int:
        return 2

    @property
    def steps(self) -> int:
        return self.length

    @property
    def episodes(self) -> int:
        return 2 * self.trials

    @property
    def exposures(self) -> int:
        return 2

    @property
    def cue_size(self) -> int:
        return self.dimensions

    @property
    def label_count(self) -> int:
        return self.trials

    @property
    def observation_size(self) -> int:
        return self.dimensions

    @property
    def measures(self) -> tuple[str, ...]:
        return ("regret",)

    @property
    def shows_feedback(self) -> bool:
        return False

    @property
    def chance(self) -> float:
        return self.length / 2

    def schedule_of(self, episode: int) -> Schedule:
        """Read at every step; write after the last step of the first half's trials."""
        if episode < self.trials:
            return self.schedule
        return Schedule(self.schedule.reads, (False,) * self.length)

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        positive = torch.rand(batch_size, self.trials, generator=generator) < 0.5
        contexts = torch.randn(self.trials, batch_size, self.dimensions, generator=generator)
        evidence = torch.randn(self.length, batch_size, self.trials, self.dimensions, generator=generator)
        evidence[self.quiet :] += (self.drift * (2.0 * positive - 1.0)).unsqueeze(-1)
        again = torch.rand(batch_size, self.trials, generator=generator).argsort(dim=1)
        order = torch.cat([torch.arange(self.trials).expand(batch_size, -1), again], dim=1).T.contiguous()
        return BlockSpec(
            cues=contexts[order, torch.arange(batch_size)],
            labels=order,
            exposures=1 + (torch.arange(2 * self.trials) >= self.trials).long().unsqueeze(1).expand_as(order),
            seed=seed,
            rules=ChoiceRules(positive, evidence),
        )

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> ChoiceEpisode:
        """Begin a trial; all its observations are known beforehand."""
        rows, trial = torch.arange(spec.batch_size, device=spec.labels.device), spec.labels[episode]
        observation[: self.length] = spec.rules.evidence[:, rows, trial]
        return ChoiceEpisode(spec.rules.positive[rows, trial].long().unsqueeze(1), self.length)

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor:
        """Return the rewards `[E, T, B]` of the player that adds up the evidence, and guesses without any.

        With `memory` it knows all the evidence of the first half's trials.
        """
        luck = self.luck(spec)
        steps = spec.rules.evidence[self.quiet :].sum(dim=-1).cumsum(dim=0)  # [T - quiet, B, N]
        total = torch.cat([torch.zeros_like(steps[:1]).expand(self.quiet, -1, -1), steps])  # up to and including t
        index = spec.labels.unsqueeze(1).expand(-1, self.length, -1).unsqueeze(-1)  # [E, T, B, 1]
        seen = total.unsqueeze(0).expand(spec.episodes, -1, -1, -1).gather(3, index).squeeze(3)
        if memory:
            seen[self.trials :] += steps[-1].T.gather(0, spec.labels[self.trials :]).unsqueeze(1)
        guess = torch.where(luck < 0.5, 1.0, -1.0)
        choice = torch.where(seen == 0, guess, seen) > 0
        right: Tensor = spec.rules.positive.T.gather(0, spec.labels).unsqueeze(1)
        rewards: Tensor = (choice == right).float()
        return rewards
