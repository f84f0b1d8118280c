"""Contextual bandits whose contexts return: the rules that all bandit tasks share.

A block has `contexts` contexts. A bag gives every context `exposures` episodes in random order; an urn draws the
contexts of as many episodes with unequal frequencies. An episode is `pulls` pulls in one context. In each context one
arm pays with probability `best` and every other arm with probability `rest`. The best arms are redrawn for each
block. The LSTM state starts each episode from zero; the memory is cleared at the start of a block.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.blocks import BlockSpec, blackwell_macqueen_urn, count_exposures, seeded, shuffled_bag
from episodic.tasks.players import PLAYERS, play_block
from episodic.tasks.task import Task

ORDERS = ("bag", "urn")


class BanditRules(NamedTuple):
    """The rules of a bandit's block with C contexts and A arms."""

    contexts: Tensor  # [E, B] long, the context of each episode, from 0 to C - 1
    probabilities: Tensor  # [B, C, A] probability of a reward for each arm in each context

    def arms(self, episode: int) -> Tensor:
        """Return the probability of a reward for each arm in an episode, `[B, A]`."""
        index = self.contexts[episode].view(-1, 1, 1).expand(-1, 1, self.probabilities.shape[-1])
        return self.probabilities.gather(1, index).squeeze(1)


class BanditEpisode:
    """One episode of a bandit: the episode's luck decides which arms pay.

    Args:
        rules: of the block.
        episode: its number, from 0.
        luck: `[T, B]`; an arm pays if the luck of the step is below the arm's probability.
        dtype: of the rewards.

    >>> rules = BanditRules(contexts=torch.tensor([[0]]), probabilities=torch.tensor([[[0.9, 0.1]]]))
    >>> BanditEpisode(rules, episode=0, luck=torch.tensor([[0.5]])).pays
    (tensor([[1., 0.]]),)
    """

    def __init__(self, rules: BanditRules, episode: int, luck: Tensor, dtype: torch.dtype = torch.float32) -> None:
        self.rules, self.episode, self.luck, self.dtype = rules, episode, luck, dtype

    @cached_property
    def arms(self) -> Tensor:
        """The probability `[B, A]` of a reward for each arm."""
        return self.rules.arms(self.episode)

    @cached_property
    def payoffs(self) -> Tensor:
        """The reward `[T, B, A]` of every arm at each step."""
        return (self.luck.unsqueeze(-1) < self.arms).to(self.dtype)

    @cached_property
    def pays(self) -> tuple[Tensor, ...]:
        """The reward `[B, A]` of every arm at each step."""
        return self.payoffs.unbind()

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Write the reward `[B, 1]` of actions `[B, 1]` in place."""
        torch.gather(self.pays[t], 1, action, out=reward)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the `regret` `[T, B]`: the best arm's probability of a reward minus that of the chosen arm."""
        chosen = self.arms.expand(len(actions), -1, -1).gather(2, actions.unsqueeze(-1)).squeeze(-1)
        return {"regret": self.arms.amax(dim=1) - chosen}


@dataclass(frozen=True)
class Bandit(Task):
    """A bandit task without cues; subclasses add them.

    Args:
        arms: Number of arms A.
        contexts: Number of contexts C in a block.
        exposures: Episodes of each context in a block; with the order `urn`, their mean.
        pulls: Pulls T in an episode.
        best: Probability of a reward on a context's best arm.
        rest: Probability of a reward on every other arm.
        every_arm_best: Whether every arm is best in at least one context of a block (needs contexts >= arms).
        order: `bag` gives every context equally many episodes; `urn` favours contexts that have occurred more often.
        concentration: Concentration of the urn; a smaller one concentrates a block on fewer contexts.
        best_arms: Only the first `best_arms` arms can be best, and `every_arm_best` refers to them; None: all arms.
            This simulates a task with fewer arms for an agent with more outputs.

    Raises:
        InputError: A number is below 1; a probability is outside [0, 1]; `best` is not above `rest`; `every_arm_best`
            with more arms than contexts; an unknown order; a concentration that is not above 0; more best arms than
            arms.
    """

    arms: int = 10
    contexts: int = 10
    exposures: int = 10
    pulls: int = 10
    best: float = 0.9
    rest: float = 0.1
    every_arm_best: bool = True
    order: str = "bag"
    concentration: float = 1.0
    best_arms: int | None = None

    def __post_init__(self) -> None:
        require_positive(arms=self.arms, contexts=self.contexts, exposures=self.exposures, pulls=self.pulls)
        require_fraction(best=self.best, rest=self.rest)
        require_choice("order", self.order, ORDERS)
        require_positive(concentration=self.concentration)
        require(math.isfinite(self.concentration), f"concentration is {self.concentration}: it must be finite")
        require(self.best > self.rest, f"best is {self.best}: it must be greater than rest, {self.rest}")
        require(
            self.best_arms is None or 1 <= self.best_arms <= self.arms,
            f"best_arms is {self.best_arms}: it must lie between 1 and the number of arms, {self.arms}",
        )
        name = "arms" if self.best_arms is None else "best_arms"
        require(
            not self.every_arm_best or self.candidates <= self.contexts,
            f"{name} is {self.candidates} with contexts {self.contexts}: every_arm_best needs "
            f"{name} <= contexts; set it to false otherwise",
        )

    @property
    def candidates(self) -> int:
        """Number of arms that can be best: the first ones."""
        return self.arms if self.best_arms is None else self.best_arms

    @property
    def actions(self) -> int:
        return self.arms

    @property
    def steps(self) -> int:
        return self.pulls

    @property
    def episodes(self) -> int:
        return self.contexts * self.exposures

    @property
    def label_count(self) -> int:
        return self.contexts

    @property
    def measures(self) -> tuple[str, ...]:
        return ("regret",)

    @property
    def chance(self) -> float:
        return self.pulls * (self.best + (self.arms - 1) * self.rest) / self.arms

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the label of each of a block's contexts, `[B, C]` long: by default the context's number."""
        return torch.arange(self.contexts).expand(batch, -1)

    @abstractmethod
    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the cues `[E, B, K]` of contexts `[E, B]` whose labels are `identities` `[B, C]`."""

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        order = self._draw_order(batch_size, generator)
        best_arm = self._draw_best_arms(batch_size, generator)
        identities = self.draw_identities(batch_size, generator)
        probabilities = torch.full((batch_size, self.contexts, self.arms), self.rest)
        probabilities.scatter_(2, best_arm.unsqueeze(-1), self.best)
        contexts = order.T.contiguous()
        return BlockSpec(
            cues=self.draw_cues(contexts, identities, generator),
            labels=identities.gather(1, order).T.contiguous(),
            exposures=count_exposures(order).T.contiguous(),
            seed=seed,
            rules=BanditRules(contexts, probabilities),
        )

    def _draw_order(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the context of each episode, `[B, E]` long."""
        if self.order == "urn":
            return blackwell_macqueen_urn(batch, self.contexts, self.episodes, self.concentration, generator)
        return shuffled_bag(batch, self.contexts, self.exposures, generator)

    def _draw_best_arms(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the best arm of each context, `[B, C]` long."""
        arms = torch.randint(self.candidates, (batch, self.contexts), generator=generator)
        if not self.every_arm_best:
            return arms
        arms[:, : self.candidates] = torch.rand(batch, self.candidates, generator=generator).argsort(dim=1)
        shuffle = torch.rand(batch, self.contexts, generator=generator).argsort(dim=1)
        return arms.gather(1, shuffle)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> BanditEpisode:
        """Begin an episode; a bandit shows no observation."""
        return BanditEpisode(spec.rules, episode, luck, observation.dtype)

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor:
        """Return the rewards `[E, T, B]` of the ideal observer, which keeps one posterior per context."""
        return play_block(PLAYERS["ideal" if memory else "ideal_without_memory"], self, spec).rewards
