"""Tasks whose contexts are characters: their cues are drawings from a table, or one barcode for each character."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from episodic.errors import InputError, require, require_choice, require_fraction, require_positive, require_seed
from episodic.tasks.barcodes.codes import spread_barcodes
from episodic.tasks.blocks import seeded
from episodic.tasks.task import Task

CUES = ("drawing", "barcode")

AnyDrawingTask = TypeVar("AnyDrawingTask", bound="DrawingTask")


@dataclass(frozen=True)
class DrawingTask(Task):
    """The common part of tasks with characters: the table of drawings, and the characters' barcodes.

    A block draws its characters from a table of `characters` characters with `drawings` drawings each. A label is a
    character's number in the table, the same in every block. Each occurrence of a character shows another drawing; one
    repeats in a block only after all others. A block names a drawing by its row in the table,
    `drawings * character + drawing`, and has no cues: the agent turns drawings into cues, and `with_cues` takes them.

    With the cue `barcode`, each character has one binary code, the same in every block, which may be noisy.

    Args:
        characters: Number of characters in the table; None until `on` supplies it.
        drawings: Drawings of each character.
        pixels: Number of pixels of a drawing: the length of a cue if nothing embeds the drawings.
        cue: `drawing` or `barcode`.
        bits: Length of a barcode.
        distance: Smallest Hamming distance between two characters' barcodes.
        barcode_seed: Seed of the barcodes.
        noise: Fraction of the bits of an episode's barcode that are flipped, redrawn for each episode.
        labels: Number of distinct labels, at least `characters`; None: `characters`.
    """

    #: Name of the argument that gives the number of characters in a block.
    SHOWN: ClassVar[str] = "contexts"

    characters: int | None = None
    drawings: int = 20
    pixels: int = 28 * 28
    cue: str = "drawing"
    bits: int = 32
    distance: int = 4
    barcode_seed: int = 0
    noise: float = 0.0
    labels: int | None = None

    @property
    def shown(self) -> int:
        """Number of characters in a block."""
        return int(getattr(self, self.SHOWN))

    def check_characters(self, occurrences: int | None) -> None:
        """Check the arguments.

        Args:
            occurrences: Largest number of episodes of a character that each show another drawing; None for no limit.

        Raises:
            InputError: There are too few characters for a block, drawings for the occurrences or labels for the
                characters; the cue is unknown; no such barcodes are found.
        """
        require_positive(drawings=self.drawings, pixels=self.pixels)
        require_choice("cue", self.cue, CUES)
        require_fraction(noise=self.noise)
        require_seed(barcode_seed=self.barcode_seed)
        if self.cue == "drawing":
            require(self.noise == 0, f"noise is {self.noise}: it needs barcodes, but cue is 'drawing'")
            require(
                occurrences is None or occurrences <= self.drawings,
                f"exposures is {occurrences}: each exposure needs another drawing of a character, and there are "
                f"{self.drawings}",
            )
        if self.characters is not None:
            self._check_table()

    def _check_table(self) -> None:
        require_positive(characters=self.table_size)
        require(
            self.shown <= self.table_size,
            f"{self.SHOWN} is {self.shown}: there are only {self.characters} characters",
        )
        require(
            self.label_count >= self.table_size,
            f"labels is {self.labels}: it must be at least the number of characters, {self.characters}",
        )
        if self.cue == "barcode":
            self.codes()

    def on(
        self: AnyDrawingTask, characters: int, pixels: int, labels: int | None = None, barcode_seed: int = 0
    ) -> AnyDrawingTask:
        """Return this task on a table of drawings, for the fields of these names.

        >>> from episodic.tasks import DrawingBandit
        >>> DrawingBandit(contexts=10).on(characters=659, pixels=28 * 28, labels=964).label_count
        964
        """
        return replace(self, characters=characters, pixels=pixels, labels=labels, barcode_seed=barcode_seed)

    @property
    def table_size(self) -> int:
        """Number of characters in the table; raises `InputError` if it is not known yet."""
        if self.characters is None:
            raise InputError("characters is None: a drawing bandit needs the number of characters in its table")
        return self.characters

    @property
    def cue_size(self) -> int:
        return self.bits if self.cue == "barcode" else self.pixels

    @property
    def label_count(self) -> int:
        return self.table_size if self.labels is None else self.labels

    @property
    def fixed_labels(self) -> bool:
        return True

    @property
    def shows_drawings(self) -> bool:
        return self.cue == "drawing"

    def codes(self) -> Tensor:
        """Return the characters' barcodes, `[characters, bits]`."""
        return character_barcodes(self.table_size, self.bits, self.distance, self.barcode_seed)

    def draw_characters(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the C characters of a block without replacement, `[B, C]` long."""
        return torch.rand(batch, self.table_size, generator=generator).argsort(dim=1)[:, : self.shown]

    def draw_drawings(self, labels: Tensor, members: Tensor, turns: Tensor, seed: int) -> Tensor:
        """Draw rows of the table, `[..., B]` long: a random cycle through each character's drawings.

        Args:
            labels: `[..., B]` long, the characters that are shown.
            members: `[..., B]` long, their numbers among the block's characters.
            turns: `[..., B]` long, how many episodes have shown each before.
            seed: of the block.
        """
        batch = labels.shape[-1]
        orders = torch.rand(batch, self.shown, self.drawings, generator=seeded(seed, 6)).argsort(dim=2)
        return self.drawings * labels + orders[torch.arange(batch), members, turns % self.drawings]


@lru_cache(maxsize=8)
def character_barcodes(characters: int, bits: int, distance: int, seed: int) -> Tensor:
    """Draw the barcodes of a table's characters, `[characters, bits]`: a pure function of the arguments.

    >>> character_barcodes(characters=7, bits=8, distance=4, seed=0).shape
    torch.Size([7, 8])
    """
    return spread_barcodes(characters, bits, distance, seeded(seed, 4))
