"""The barcode bandit: each context is announced by a random binary code."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.bandit import Bandit
from tasks.barcodes import check_code_count, distinct_barcodes


@dataclass(frozen=True)
class BarcodeBandit(Bandit):
    """Contexts announced by barcodes, drawn anew for each block (Ritter et al. 2018, section 4.1).

    Args:
        bits: length of a barcode; barcodes are distinct within a block.
    """

    bits: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_code_count(self.contexts, self.bits)

    @property
    def cue_size(self) -> int:
        return self.bits

    def draw_cues(self, contexts: Tensor, generator: torch.Generator) -> Tensor:
        codes = distinct_barcodes(contexts.shape[1], self.contexts, self.bits, generator)
        return codes[torch.arange(contexts.shape[1]), contexts]
