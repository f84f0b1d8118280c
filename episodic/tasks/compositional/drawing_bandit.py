"""The compositional bandit whose cues are drawings: each class is a character, shown as another drawing each time."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec
from episodic.tasks.compositional.task import CompositionalTask, at_steps
from episodic.tasks.drawing_task import DrawingTask


@dataclass(frozen=True)
class CompositionalDrawingBandit(DrawingTask, CompositionalTask):
    """A bandit with two arms, each with a character (Ritter et al. 2018, experiment 3).

    Each class is a character, and each of its episodes shows another drawing of it. With the cue `barcode`, each
    character has one binary code instead. The arguments are those of `CompositionalTask` and `DrawingTask`.

    Raises:
        InputError: See `CompositionalTask` and `DrawingTask`.

    >>> task = CompositionalDrawingBandit(classes=6, exposures=2, characters=10)
    >>> spec = task.draw_block(batch_size=3, seed=0)
    >>> spec.drawings.shape, torch.equal(spec.drawings[:, 0] // 20, spec.labels)
    (torch.Size([6, 5, 3]), True)
    """

    SHOWN: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_characters(self.exposures)

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the characters of a block without replacement, `[B, C]` long."""
        return self.draw_characters(batch, generator)

    def show(self, spec: BlockSpec, identities: Tensor, generator: torch.Generator) -> BlockSpec:
        """Show drawings of the classes' characters, or the characters' barcodes."""
        if self.cue == "barcode":
            return self.with_barcodes(spec, self.codes()[identities], self.noise)
        classes, earlier = (part.movedim(2, 1) for part in (spec.rules.classes, spec.rules.earlier))  # [E, 2, B]
        labels = identities[torch.arange(spec.batch_size), classes]
        drawings = self.draw_drawings(labels, classes, earlier, spec.seed)
        return spec._replace(drawings=at_steps(drawings, spec.rules.attended))
