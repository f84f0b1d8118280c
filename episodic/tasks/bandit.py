"""Contextual bandits that come back: the rules that all bandit tasks share.

A block has `contexts` contexts, each met `exposures` times in an order drawn without replacement from a
bag, or as often as an urn has it; an episode is `pulls` pulls in one context. In each context one arm pays
with probability `best` and all others with `rest`. Which arm is best is drawn anew for each block. The LSTM
starts each episode from zero; the memory is cleared at the start of a block.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.blocks import BlockSpec, blackwell_macqueen_urn, count_exposures, seeded, shuffled_bag
from episodic.tasks.players import PLAYERS, play_block
from episodic.tasks.task import Task

ORDERS = ("bag", "urn")


class BanditRules(NamedTuple):
    """What is special to a bandit's block, with C contexts and A arms."""

    contexts: Tensor  # [E, B] long, the context of each episode, numbered from 0 to C - 1 within the block
    probabilities: Tensor  # [B, C, A] probability of a reward for each arm in each context

    def arms(self, episode: int) -> Tensor:
        """Probability of a reward for each arm in an episode, `[B, A]`."""
        index = self.contexts[episode].view(-1, 1, 1).expand(-1, 1, self.probabilities.shape[-1])
        return self.probabilities.gather(1, index).squeeze(1)


class BanditEpisode:
    """One episode of a bandit: the arms pay by the episode's luck.

    Args:
        arms: `[B, A]` probability of a reward for each arm.
        luck: `[T, B]`; an arm pays where it lies below the arm's probability.
    """

    def __init__(self, arms: Tensor, luck: Tensor) -> None:
        self.arms = arms
        self.pays = (luck.unsqueeze(-1) < arms).float().unbind()  # [B, A] for each step

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Fill in the reward `[B, 1]` of actions `[B, 1]`."""
        torch.gather(self.pays[t], 1, action, out=reward)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the `regret` `[T, B]`: the best arm's probability of a reward less that of the chosen arm."""
        chosen = self.arms.expand(len(actions), -1, -1).gather(2, actions.unsqueeze(-1)).squeeze(-1)
        return {"regret": self.arms.amax(dim=1) - chosen}


@dataclass(frozen=True)
class Bandit(Task):
    """The numbers of a bandit task; subclasses add the cues.

    Args:
        arms: number of arms A.
        contexts: number of contexts C in a block.
        exposures: how many times each context is met in a block, with the order `urn` on average.
        pulls: pulls T in an episode.
        best: probability of a reward on a context's best arm.
        rest: probability of a reward on every other arm.
        every_arm_best: every arm is best in at least one context of a block (needs contexts >= arms).
        order: of the contexts, `bag` (each met equally often) or `urn` (the more often met, the likelier again).
        concentration: of the urn; the smaller, the fewer contexts make up a block.
        best_arms: only the first so many arms are ever a context's best, and are meant by `every_arm_best`; None: all.
            A task with fewer arms for an agent with as many outputs.

    Raises:
        InputError: a number below 1, a probability outside [0, 1], `best` not above `rest`, more arms
            than contexts while `every_arm_best` is asked for, an unknown order, a concentration not above 0, more
            best arms than arms.
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
        require(math.isfinite(self.concentration), f"concentration is {self.concentration}: it has to be finite")
        require(self.best > self.rest, f"best is {self.best}: it has to be greater than rest, {self.rest}")
        require(
            self.best_arms is None or 1 <= self.best_arms <= self.arms,
            f"best_arms is {self.best_arms}: it has to lie between 1 and the number of arms, {self.arms}",
        )
        name = "arms" if self.best_arms is None else "best_arms"
        require(
            not self.every_arm_best or self.candidates <= self.contexts,
            f"{name} is {self.candidates} with contexts {self.contexts}: every arm can only be best for a context "
            f"where {name} <= contexts (or set every_arm_best to false)",
        )

    @property
    def candidates(self) -> int:
        """Number of arms that can be a context's best: the first ones."""
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
        """The label of each of a block's contexts, `[B, C]` long: here the context's number, with nothing drawn."""
        return torch.arange(self.contexts).expand(batch, -1)

    @abstractmethod
    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Cues `[E, B, K]` for the contexts `[E, B]` of a block, whose labels are `identities` `[B, C]`."""

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """The specification of a block for `batch_size` environments, on the CPU."""
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
        """The context of each episode, `[B, E]` long."""
        if self.order == "urn":
            return blackwell_macqueen_urn(batch, self.contexts, self.episodes, self.concentration, generator)
        return shuffled_bag(batch, self.contexts, self.exposures, generator)

    def _draw_best_arms(self, batch: int, generator: torch.Generator) -> Tensor:
        """The best arm of each context, `[B, C]` long."""
        arms = torch.randint(self.candidates, (batch, self.contexts), generator=generator)
        if not self.every_arm_best:
            return arms
        arms[:, : self.candidates] = torch.rand(batch, self.candidates, generator=generator).argsort(dim=1)
        shuffle = torch.rand(batch, self.contexts, generator=generator).argsort(dim=1)
        return arms.gather(1, shuffle)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> BanditEpisode:
        """Begin an episode; a bandit shows no observation."""
        return BanditEpisode(spec.rules.arms(episode), luck)

    def ideal(self, spec: BlockSpec) -> Tensor:
        """Summed reward of the ideal observer, which keeps one posterior per context across its exposures."""
        return play_block(PLAYERS["ideal"], self, spec).rewards.sum()
