"""Barcodes: binary codes that announce contexts.

`distinct_barcodes` and `spread_barcodes` draw codes, `ClusterRule` draws them in Hamming clusters, `flip_bits` adds
noise. `BarcodeCues` is the part of a task whose contexts are announced by barcodes: new ones for each block, or from a
vocabulary.
"""

from episodic.tasks.barcodes.clusters import ClusterRule
from episodic.tasks.barcodes.codes import distinct_barcodes, spread_barcodes
from episodic.tasks.barcodes.cues import BarcodeCues
from episodic.tasks.barcodes.noise import NOISE_KINDS, flip_bits
from episodic.tasks.barcodes.vocabulary import check_vocabulary, draw_barcodes, draw_identities

__all__ = [
    "NOISE_KINDS",
    "BarcodeCues",
    "ClusterRule",
    "check_vocabulary",
    "distinct_barcodes",
    "draw_barcodes",
    "draw_identities",
    "flip_bits",
    "spread_barcodes",
]
