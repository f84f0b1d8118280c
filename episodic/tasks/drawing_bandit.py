"""The Omniglot bandit: each context is a character, shown as another drawing at each exposure."""

from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.tasks.bandit import Bandit
from episodic.tasks.barcodes.noise import flip_bits
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.drawing_task import DrawingTask


@dataclass(frozen=True)
class DrawingBandit(DrawingTask, Bandit):
    """A bandit whose cues are drawings of characters (Ritter et al. 2018, section 4.2) or the characters' barcodes.

    Each exposure of a character shows another drawing. The arguments are those of `Bandit` and `DrawingTask`.

    Raises:
        InputError: See `Bandit`; also if there are too few characters for the contexts, drawings for the exposures or
            labels for the characters, the cue is unknown, or no such barcodes are found.

    >>> spec = DrawingBandit(contexts=10, exposures=3, characters=964).draw_block(batch_size=2, seed=0)
    >>> torch.equal(spec.drawings // 20, spec.labels)
    True
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_characters(self.exposures if self.order == "bag" else None)

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the characters of a block without replacement, `[B, C]` long."""
        return self.draw_characters(batch, generator)

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Return the characters' barcodes `[E, B, bits]` without noise, or empty cues `[E, B, 0]` for drawings."""
        if self.cue == "barcode":
            return self.codes()[identities[torch.arange(contexts.shape[1]), contexts]]
        return torch.zeros(*contexts.shape, 0)

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU, with drawings or noisy barcodes."""
        spec = super().draw_block(batch_size, seed)
        if self.cue == "drawing":
            drawings = self.draw_drawings(spec.labels, spec.rules.contexts, spec.exposures - 1, seed)
            return spec._replace(drawings=drawings)
        if self.noise == 0:
            return spec
        return spec._replace(cues=flip_bits(spec.cues, self.noise, "random", seeded(seed, 3)))
