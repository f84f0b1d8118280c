"""The compositional bandit whose cues are barcodes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require_fraction
from episodic.tasks.barcodes.vocabulary import check_vocabulary, draw_barcodes, draw_identities
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.compositional.task import CompositionalTask


@dataclass(frozen=True)
class CompositionalBandit(CompositionalTask):
    """A bandit with two arms, each with a barcode (Ritter et al. 2018, experiment 3).

    Args:
        bits: Length of a barcode.
        noise: Fraction of the bits of each shown cue that are flipped.
        vocabulary: Number of fixed barcodes from which every block draws its classes; their numbers are the labels.
            None draws new barcodes for each block.
        vocabulary_seed: Seed of the fixed barcodes.

    The other arguments are those of `CompositionalTask`.

    Raises:
        InputError: See `CompositionalTask`; also if there are not enough barcodes.

    >>> task = CompositionalBandit(classes=6, exposures=2)
    >>> task.episodes, task.steps, task.schedule.writes
    (6, 5, (False, False, False, True, True))
    """

    bits: int = 10
    noise: float = 0.0
    vocabulary: int | None = None
    vocabulary_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction(noise=self.noise)
        check_vocabulary(self.vocabulary, self.vocabulary_seed, self.bits, self.classes, "classes")

    @property
    def cue_size(self) -> int:
        return self.bits

    @property
    def label_count(self) -> int:
        return self.classes if self.vocabulary is None else self.vocabulary

    @property
    def fixed_labels(self) -> bool:
        return self.vocabulary is not None

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Number the classes, or draw their numbers from the vocabulary without replacement, `[B, C]` long."""
        return draw_identities(batch, self.classes, self.vocabulary, generator)

    def show(self, spec: BlockSpec, identities: Tensor, generator: torch.Generator) -> BlockSpec:
        """Show the classes' barcodes."""
        codes = draw_barcodes(identities, self.bits, self.vocabulary, self.vocabulary_seed, generator)
        return self.with_barcodes(spec, codes, self.noise)
