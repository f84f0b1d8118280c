"""Contextual bandits that come back: the rules that all bandit tasks share.

A block has `contexts` contexts, each met `exposures` times in an order drawn without replacement from a
bag, or as often as an urn has it; an episode is `pulls` pulls in one context. In each context one arm pays
with probability `best` and all others with `rest`. Which arm is best is drawn anew for each block. The LSTM
starts each episode from zero; the memory is cleared at the start of a block.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.blocks import BlockSpec, blackwell_macqueen_urn, count_exposures, seeded, shuffled_bag

ORDERS = ("bag", "urn")


@dataclass(frozen=True)
class Bandit:
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
    def episodes(self) -> int:
        """Episodes E in a block."""
        return self.contexts * self.exposures

    @property
    def cue_size(self) -> int:
        """Length K of a cue."""
        raise NotImplementedError

    @property
    def label_count(self) -> int:
        """Number of distinct labels; labels are below it."""
        return self.contexts

    @property
    def fixed_labels(self) -> bool:
        """Whether a label means the same context in every block."""
        return False

    @property
    def shows_drawings(self) -> bool:
        """Whether a block's specification names drawings, of which its cues are yet to be made."""
        return False

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """The label of each of a block's contexts, `[B, C]` long: here the context's number, with nothing drawn."""
        return torch.arange(self.contexts).expand(batch, -1)

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Cues `[E, B, K]` for the contexts `[E, B]` of a block, whose labels are `identities` `[B, C]`."""
        raise NotImplementedError

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
            contexts=contexts,
            exposures=count_exposures(order).T.contiguous(),
            probabilities=probabilities,
            seed=seed,
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

    def luck(self, spec: BlockSpec) -> Tensor:
        """A uniform number for each pull of the block, `[E, T, B]`: the arm pays where it is below its probability.

        Everyone who plays the block has the same luck, so that differences between players are paired.
        """
        device = spec.labels.device
        generator = seeded(spec.seed, 1, device)
        return torch.rand(spec.episodes, self.pulls, spec.batch_size, generator=generator, device=device)
