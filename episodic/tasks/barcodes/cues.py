"""The part of a task whose contexts are announced by barcodes."""

import torch
from torch import Tensor

from episodic.errors import require_fraction
from episodic.tasks.barcodes.clusters import ClusterRule
from episodic.tasks.barcodes.noise import flip_bits
from episodic.tasks.barcodes.vocabulary import check_vocabulary, draw_barcodes, draw_identities
from episodic.tasks.blocks import seeded
from episodic.tasks.task import Task


class BarcodeCues(Task):
    """A task whose contexts are announced by barcodes, which may be noisy.

    A subclass is a dataclass with the fields below; it calls `check_barcodes` when it is created.
    """

    contexts: int  # of a block
    bits: int  # of a barcode
    noise: float  # fraction of the bits of an episode's cue that are flipped, redrawn for each episode
    vocabulary: int | None  # fixed barcodes from which blocks draw their contexts; None draws new ones for each block
    vocabulary_seed: int

    @property
    def cue_size(self) -> int:
        return self.bits

    @property
    def label_count(self) -> int:
        return self.contexts if self.vocabulary is None else self.vocabulary

    @property
    def fixed_labels(self) -> bool:
        return self.vocabulary is not None

    @property
    def rule(self) -> ClusterRule | None:
        """The rule of the barcodes' Hamming clusters; None without clusters."""
        return None

    def check_barcodes(self) -> None:
        """Raise `InputError` unless blocks can draw their barcodes."""
        require_fraction(noise=self.noise)
        check_vocabulary(self.vocabulary, self.vocabulary_seed, self.bits, self.contexts)

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Return the contexts' numbers, or draw numbers from the vocabulary without replacement -> `[B, C]` long."""
        return draw_identities(batch, self.contexts, self.vocabulary, generator)

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the barcodes of contexts `[E, B]` with identities `[B, C]`, without noise -> `[E, B, bits]`."""
        codes = draw_barcodes(identities, self.bits, self.vocabulary, self.vocabulary_seed, generator, self.rule)
        return codes[torch.arange(len(codes)), contexts]

    def with_noise(self, cues: Tensor, seed: int, kind: str = "random") -> Tensor:
        """Flip bits of the cues `[E, B, bits]` of the block with this seed."""
        return flip_bits(cues, self.noise, kind, seeded(seed, 3)) if self.noise > 0 else cues
