"""The barcode bandit: a binary code announces each context."""

from dataclasses import dataclass

from episodic.errors import require_choice
from episodic.tasks.bandit import Bandit
from episodic.tasks.barcodes.clusters import ClusterRule, cluster_codebook
from episodic.tasks.barcodes.cues import BarcodeCues
from episodic.tasks.barcodes.noise import NOISE_KINDS
from episodic.tasks.blocks import BlockSpec


@dataclass(frozen=True)
class BarcodeBandit(BarcodeCues, Bandit):
    """A bandit whose cues are barcodes, redrawn for each block (Ritter et al. 2018, section 4.1).

    Tasks that differ only in their noise draw the same blocks up to the flipped bits.

    Args:
        bits: Length of a barcode; barcodes are distinct within a block.
        noise: Fraction of the bits of an episode's cue that are flipped, redrawn for each episode.
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
            the search finds no such clusters, or the vocabulary is smaller than the number of contexts.

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
        self.check_barcodes()
        require_choice("noise_kind", self.noise_kind, NOISE_KINDS)
        if self.rule is not None:
            cluster_codebook(self.label_count, self.bits, self.rule)

    @property
    def rule(self) -> ClusterRule | None:
        """The rule of the clusters; None without clusters."""
        if self.clusters is None:
            return None
        return ClusterRule(self.clusters, self.cluster_spread, self.cluster_separation)

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU, with noisy cues: a pure function of its arguments."""
        spec = super().draw_block(batch_size, seed)
        return spec._replace(cues=self.with_noise(spec.cues, seed, self.noise_kind))
