"""The barcode bandit: a binary code announces each context."""

from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require_choice, require_fraction
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_clusters import ClusterRule, cluster_codebook
from episodic.tasks.barcode_noise import NOISE_KINDS, flip_bits
from episodic.tasks.barcode_vocabulary import check_vocabulary, draw_barcodes, draw_identities
from episodic.tasks.blocks import BlockSpec, seeded


@dataclass(frozen=True)
class BarcodeBandit(Bandit):
    """A bandit whose cues are barcodes, drawn anew for each block (Ritter et al. 2018, section 4.1).

    Tasks that differ only in their noise draw the same blocks up to the flipped bits.

    Args:
        bits: Length of a barcode; barcodes are distinct within a block.
        noise: Fraction of the bits of an episode's cue that are flipped, drawn anew for each episode.
        noise_kind: Where bits are flipped first: `left`, `right`, `center`, `checkerboard`, or `random` (anywhere).
        clusters: Number of Hamming clusters of the barcodes; None draws barcodes independently.
        cluster_spread: Largest Hamming distance between two barcodes of one cluster.
        cluster_separation: Smallest Hamming distance between barcodes of different clusters.
        vocabulary: Number of fixed barcodes from which every block draws its contexts; their numbers are the labels.
            None draws new barcodes for each block.
        vocabulary_seed: Seed of the fixed barcodes.

    The other arguments are those of `Bandit`.

    Raises:
        InputError: See `Bandit`; also if there are not enough barcodes of this length, the kind of noise is unknown,
            no such clusters are found, or the vocabulary is smaller than the number of contexts.

    >>> spec = BarcodeBandit(contexts=10, exposures=2, bits=20).draw_block(batch_size=3, seed=0)
    >>> spec.cues.shape, spec.labels.shape
    (torch.Size([20, 3, 20]), torch.Size([20, 3]))
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
        check_vocabulary(self.vocabulary, self.vocabulary_seed, self.bits, self.contexts)
        if self.rule is not None:
            cluster_codebook(self.label_count, self.bits, self.rule)

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
        """The rule of the clusters; None without clusters."""
        if self.clusters is None:
            return None
        return ClusterRule(self.clusters, self.cluster_spread, self.cluster_separation)

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        """Return the contexts' numbers, or draw numbers from the vocabulary without replacement -> `[B, C]` long."""
        return draw_identities(batch, self.contexts, self.vocabulary, generator)

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the contexts' barcodes without noise -> `[E, B, bits]`."""
        codes = draw_barcodes(identities, self.bits, self.vocabulary, self.vocabulary_seed, generator, self.rule)
        return codes[torch.arange(len(codes)), contexts]

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU, with noisy cues: a pure function of its arguments."""
        spec = super().draw_block(batch_size, seed)
        if self.noise == 0:
            return spec
        return spec._replace(cues=flip_bits(spec.cues, self.noise, self.noise_kind, seeded(seed, 3)))
