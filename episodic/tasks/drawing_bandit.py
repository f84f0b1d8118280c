"""The Omniglot bandit: each context is a character, met as another drawing of it at each exposure."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction, require_positive
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_noise import flip_bits
from episodic.tasks.barcodes import spread_barcodes
from episodic.tasks.blocks import BlockSpec, seeded

CUES = ("drawing", "barcode")


@dataclass(frozen=True)
class DrawingBandit(Bandit):
    """Contexts announced by drawings of characters (Ritter et al. 2018, section 4.2), or by the characters' barcodes.

    A block's contexts are characters out of a table of `characters` with `drawings` each, and a label is a character's
    number in it, whatever the block. At each exposure another drawing is met, the same one never twice in a block as
    long as there are others. What a player perceives of a drawing is not decided here: a block's specification holds
    the drawings' rows in the table, row `drawings * character + drawing`, and no cues yet.

    With the cue `barcode` the cues are there from the start: each character has one binary code, the same in every
    block, without or with noise.

    Args:
        characters: in the table.
        drawings: of each character.
        pixels: length of a drawing, which is that of a cue as long as nobody makes another one of it.
        cue: `drawing` or `barcode`.
        bits: length of a barcode.
        distance: bits in which two characters' barcodes differ at least.
        barcode_seed: decides the barcodes.
        noise: share of its bits that are flipped in an episode's barcode, drawn afresh for each episode.
        labels: number of distinct labels, at least that of characters; None takes that.

    Raises:
        InputError: numbers that make no task, see `Bandit`; too few characters for the contexts, or drawings for the
            exposures; too few labels; an unknown cue; barcodes that cannot be.
    """

    characters: int = 964
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
        require_positive(characters=self.characters, drawings=self.drawings, pixels=self.pixels)
        require_choice("cue", self.cue, CUES)
        require_fraction(noise=self.noise)
        require(
            self.contexts <= self.characters,
            f"contexts is {self.contexts}: there are {self.characters} characters for them",
        )
        require(
            self.labels is None or self.labels >= self.characters,
            f"labels is {self.labels}: each of the {self.characters} characters needs one",
        )
        if self.cue == "barcode":
            require(self.barcode_seed >= 0, f"barcode_seed is {self.barcode_seed}: it has to be at least 0")
            self.codes()
            return
        require(self.noise == 0, f"noise is {self.noise}: it is of barcodes, and cue is {self.cue!r}")
        require(
            self.order != "bag" or self.exposures <= self.drawings,
            f"exposures is {self.exposures}: each character has {self.drawings} drawings, and each exposure takes "
            "another one",
        )

    @property
    def cue_size(self) -> int:
        return self.bits if self.cue == "barcode" else self.pixels

    @property
    def label_count(self) -> int:
        return self.characters if self.labels is None else self.labels

    @property
    def fixed_labels(self) -> bool:
        return True

    @property
    def shows_drawings(self) -> bool:
        return self.cue == "drawing"

    def codes(self) -> Tensor:
        """The characters' barcodes, `[characters, bits]`."""
        return character_barcodes(self.characters, self.bits, self.distance, self.barcode_seed)

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """So many characters without replacement, `[B, C]` long."""
        return torch.rand(batch, self.characters, generator=generator).argsort(dim=1)[:, : self.contexts]

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """The characters' barcodes `[E, B, bits]`, without noise; nothing, `[E, B, 0]`, where drawings are met."""
        if self.cue == "barcode":
            return self.codes()[identities[torch.arange(contexts.shape[1]), contexts]]
        return torch.zeros(*contexts.shape, 0)

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """The specification of a block for `batch_size` environments, on the CPU, with the drawings' rows."""
        spec = super().draw_block(batch_size, seed)
        if self.cue == "drawing":
            return spec._replace(drawings=self._draw_drawings(spec))
        if self.noise == 0:
            return spec
        return spec._replace(cues=flip_bits(spec.cues, self.noise, "random", seeded(seed, 3)))

    def _draw_drawings(self, spec: BlockSpec) -> Tensor:
        """Row of each episode's drawing, `[E, B]` long: a context's drawings in an order of its own, over and over."""
        shape = (spec.batch_size, self.contexts, self.drawings)
        orders = torch.rand(shape, generator=seeded(spec.seed, 6)).argsort(dim=2)
        environments = torch.arange(spec.batch_size)
        turn = (spec.exposures - 1) % self.drawings
        return self.drawings * spec.labels + orders[environments, spec.rules.contexts, turn]


@lru_cache(maxsize=8)
def character_barcodes(characters: int, bits: int, distance: int, seed: int) -> Tensor:
    """The barcodes of a table's characters, `[characters, bits]`: a function of the arguments alone."""
    return spread_barcodes(characters, bits, distance, seeded(seed, 4))
