"""A base class for your own tasks: it provides contexts with barcodes in random order; a subclass defines the rules."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from episodic.errors import require_positive
from episodic.tasks.barcodes.cues import BarcodeCues
from episodic.tasks.blocks import BlockSpec, count_exposures, seeded, shuffled_bag


@dataclass(frozen=True)
class BarcodeTask(BarcodeCues):
    """Contexts that return, each announced by a barcode; a bag gives every context `exposures` episodes.

    A subclass defines `actions` and `steps`, `draw_rules` and `begin`. An example is
    `docs/tutorials/04_own_task.ipynb`.

    Args:
        contexts: Number of contexts C in a block.
        exposures: Episodes of each context in a block.
        bits: Length of a barcode; barcodes are redrawn for each block, and are distinct within it.
        noise: Fraction of the bits of an episode's cue that are flipped, redrawn for each episode.
        vocabulary: Number of fixed barcodes from which every block draws its contexts; their numbers are the labels.
            None draws new barcodes for each block.
        vocabulary_seed: Seed of the fixed barcodes.

    Raises:
        InputError: A number is below 1; not enough barcodes.
    """

    contexts: int = 10
    exposures: int = 10
    bits: int = 10
    noise: float = 0.0
    vocabulary: int | None = None
    vocabulary_seed: int = 0

    def __post_init__(self) -> None:
        require_positive(contexts=self.contexts, exposures=self.exposures)
        self.check_barcodes()

    @property
    def episodes(self) -> int:
        return self.contexts * self.exposures

    @abstractmethod
    def draw_rules(self, contexts: Tensor, generator: torch.Generator) -> Any:
        """Draw what is special to a block: a NamedTuple of tensors, or None.

        Args:
            contexts: `[E, B]` long, the context of each episode, from 0 to C - 1.
            generator: Source of all randomness.
        """

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        order = shuffled_bag(batch_size, self.contexts, self.exposures, generator)  # [B, E]
        identities = self.draw_identities(batch_size, generator)
        contexts = order.T.contiguous()
        cues = self.draw_cues(contexts, identities, generator)
        return BlockSpec(
            cues=self.with_noise(cues, seed),
            labels=identities.gather(1, order).T.contiguous(),
            exposures=count_exposures(order).T.contiguous(),
            seed=seed,
            rules=self.draw_rules(contexts, generator),
        )
