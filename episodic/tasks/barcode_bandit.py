"""The barcode bandit: each context is announced by a binary code, random or clustered, clean or noisy."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_fraction
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_clusters import ClusterRule, cluster_codebook, clustered_barcodes
from episodic.tasks.barcode_noise import NOISE_KINDS, flip_bits
from episodic.tasks.barcodes import check_code_count, distinct_barcodes
from episodic.tasks.blocks import BlockSpec, seeded


@dataclass(frozen=True)
class BarcodeBandit(Bandit):
    """Contexts announced by barcodes, drawn anew for each block (Ritter et al. 2018, section 4.1).

    Blocks of the same seed differ, from one noise to another, in the flipped bits alone.

    Args:
        bits: length of a barcode; barcodes are distinct within a block.
        noise: share of its bits that are flipped in an episode's cue, drawn afresh for each episode.
        noise_kind: where: `random`, or first of all `left`, `right`, `center` or `checkerboard`.
        clusters: number of Hamming clusters that the barcodes are shared out over; None draws them at random.
        cluster_spread: bits in which two barcodes of one cluster differ at most.
        cluster_separation: bits in which two barcodes of different clusters differ at least.
        vocabulary: number of fixed barcodes that the contexts of every block are drawn from, and whose numbers
            are then the labels; None draws new barcodes for each block.
        vocabulary_seed: decides which barcodes are fixed.

    Raises:
        InputError: numbers that make no task, see `Bandit`; more barcodes than there are; an unknown kind of noise;
            clusters that cannot be; a vocabulary smaller than the number of contexts.
    """

    bits: int = 10
    noise: float = 0.0
    noise_kind: str = "random"
    clusters: int | None = None
    cluster_spread: int = 2
    cluster_separation: int = 4
    vocabulary: int | None = None
    vocabulary_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction(noise=self.noise)
        require_choice("noise_kind", self.noise_kind, NOISE_KINDS)
        self._check_vocabulary()
        check_code_count(self.label_count, self.bits, "contexts" if self.vocabulary is None else "vocabulary entries")
        if self.rule is not None:
            cluster_codebook(self.label_count, self.bits, self.rule)

    def _check_vocabulary(self) -> None:
        if self.vocabulary is not None:
            require(
                self.vocabulary >= self.contexts,
                f"vocabulary is {self.vocabulary}: it has to be at least the number of contexts, {self.contexts}",
            )
        require(self.vocabulary_seed >= 0, f"vocabulary_seed is {self.vocabulary_seed}: it has to be 0 or more")

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
        """How the barcodes are clustered."""
        if self.clusters is None:
            return None
        return ClusterRule(self.clusters, self.cluster_spread, self.cluster_separation)

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Without a vocabulary the contexts' numbers; with one, so many of its numbers without replacement."""
        if self.vocabulary is None:
            return super().draw_identities(batch, generator)
        return torch.rand(batch, self.vocabulary, generator=generator).argsort(dim=1)[:, : self.contexts]

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """The contexts' barcodes, without noise."""
        rows = torch.arange(contexts.shape[1])
        if self.vocabulary is None:
            return _draw_codes(len(rows), self.contexts, self.bits, self.rule, generator)[rows, contexts]
        codes = fixed_barcodes(self.vocabulary, self.bits, self.rule, self.vocabulary_seed)
        return codes[identities[rows, contexts]]

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """The specification of a block for `batch_size` environments, on the CPU; its cues are noisy."""
        spec = super().draw_block(batch_size, seed)
        if self.noise == 0:
            return spec
        return spec._replace(cues=flip_bits(spec.cues, self.noise, self.noise_kind, seeded(seed, 3)))


def _draw_codes(batch: int, codes: int, bits: int, rule: ClusterRule | None, generator: torch.Generator) -> Tensor:
    if rule is None:
        return distinct_barcodes(batch, codes, bits, generator)
    return clustered_barcodes(batch, codes, bits, rule, generator)


@lru_cache(maxsize=8)
def fixed_barcodes(codes: int, bits: int, rule: ClusterRule | None, seed: int) -> Tensor:
    """The barcodes of a vocabulary, `[codes, bits]`: a function of the arguments alone."""
    return _draw_codes(1, codes, bits, rule, seeded(seed, 4)).squeeze(0)
