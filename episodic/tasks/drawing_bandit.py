"""The Omniglot bandit: each context is a character, shown as another drawing at each exposure."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from episodic.errors import InputError, require, require_choice, require_fraction, require_positive, require_seed
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_noise import flip_bits
from episodic.tasks.barcodes import spread_barcodes
from episodic.tasks.blocks import BlockSpec, seeded

CUES = ("drawing", "barcode")


@dataclass(frozen=True)
class DrawingBandit(Bandit):
    """A bandit whose cues are drawings of characters (Ritter et al. 2018, section 4.2) or the characters' barcodes.

    A block draws its contexts from a table of `characters` characters with `drawings` drawings each. A label is a
    character's number in the table, the same in every block. Each exposure of a character shows another drawing; one
    repeats in a block only after all others. A block names a drawing by its row in the table,
    `drawings * character + drawing`, and has no cues: the agent turns drawings into cues.

    With the cue `barcode`, each character has one binary code, the same in every block, which may be noisy.

    Args:
        characters: Number of characters in the table; None until `on` supplies it.
        drawings: Drawings of each character.
        pixels: Number of pixels of a drawing: the length of a cue if nothing embeds the drawings.
        cue: `drawing` or `barcode`.
        bits: Length of a barcode.
        distance: Smallest Hamming distance between two characters' barcodes.
        barcode_seed: Seed of the barcodes.
        noise: Fraction of the bits of an episode's barcode that are flipped, drawn anew for each episode.
        labels: Number of distinct labels, at least `characters`; None: `characters`.

    The other arguments are those of `Bandit`.

    Raises:
        InputError: See `Bandit`; also if there are too few characters for the contexts, drawings for the exposures or
            labels for the characters, the cue is unknown, or no such barcodes are found.

    >>> spec = DrawingBandit(contexts=10, exposures=3, characters=964).draw_block(batch_size=2, seed=0)
    >>> torch.equal(spec.drawings // 20, spec.labels)
    True
    """

    characters: int | None = None
    drawings: int = 20
    pixels: int = 28 * 28
    cue: str = "drawing"
    bits: int = 32
    distance: int = 4
    barcode_seed: int = 0
    noise: float = 0.0
    labels: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(drawings=self.drawings, pixels=self.pixels)
        require_choice("cue", self.cue, CUES)
        require_fraction(noise=self.noise)
        require_seed(barcode_seed=self.barcode_seed)
        if self.cue == "drawing":
            require(self.noise == 0, f"noise is {self.noise}: it needs barcodes, but cue is 'drawing'")
            require(
                self.order != "bag" or self.exposures <= self.drawings,
                f"exposures is {self.exposures}: each exposure needs another drawing of a character, and there are "
                f"{self.drawings}",
            )
        if self.characters is not None:
            self._check_table()

    def _check_table(self) -> None:
        require_positive(characters=self.table_size)
        require(
            self.contexts <= self.table_size,
            f"contexts is {self.contexts}: there are only {self.characters} characters",
        )
        require(
            self.label_count >= self.table_size,
            f"labels is {self.labels}: it must be at least the number of characters, {self.characters}",
        )
        if self.cue == "barcode":
            self.codes()

    def on(self, characters: int, pixels: int, labels: int | None = None, barcode_seed: int = 0) -> "DrawingBandit":
        """Return this task on a table of drawings, for the fields of these names.

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

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the characters of a block without replacement, `[B, C]` long."""
        return torch.rand(batch, self.table_size, generator=generator).argsort(dim=1)[:, : self.contexts]

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Return the characters' barcodes `[E, B, bits]` without noise, or empty cues `[E, B, 0]` for drawings."""
        if self.cue == "barcode":
            return self.codes()[identities[torch.arange(contexts.shape[1]), contexts]]
        return torch.zeros(*contexts.shape, 0)

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU, with drawings or noisy barcodes."""
        spec = super().draw_block(batch_size, seed)
        if self.cue == "drawing":
            return spec._replace(drawings=self._draw_drawings(spec))
        if self.noise == 0:
            return spec
        return spec._replace(cues=flip_bits(spec.cues, self.noise, "random", seeded(seed, 3)))

    def _draw_drawings(self, spec: BlockSpec) -> Tensor:
        """Draw each episode's row in the table, `[E, B]` long: a random cycle through the context's drawings."""
        shape = (spec.batch_size, self.contexts, self.drawings)
        orders = torch.rand(shape, generator=seeded(spec.seed, 6)).argsort(dim=2)
        environments = torch.arange(spec.batch_size)
        turn = (spec.exposures - 1) % self.drawings
        return self.drawings * spec.labels + orders[environments, spec.rules.contexts, turn]


@lru_cache(maxsize=8)
def character_barcodes(characters: int, bits: int, distance: int, seed: int) -> Tensor:
    """Draw the barcodes of a table's characters, `[characters, bits]`: a pure function of the arguments.

    >>> character_barcodes(characters=7, bits=8, distance=4, seed=0).shape
    torch.Size([7, 8])
    """
    return spread_barcodes(characters, bits, distance, seeded(seed, 4))
