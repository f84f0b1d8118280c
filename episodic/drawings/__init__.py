"""Drawings of characters: Omniglot's files and protocols, generated handwriting, deformations, embedding many drawings.

`read_drawings` reads image files.

Drawings are square, with ink = 1 (floats) or 255 (bytes) on paper = 0.
"""

from episodic.drawings.augmentation import Augmentation, augment
from episodic.drawings.deformation import deform
from episodic.drawings.embedding import embed_drawings, with_rotations
from episodic.drawings.embedding_cache import cached_embeddings, embed_table
from episodic.drawings.handwriting import generate_omniglot, generated_classes
from episodic.drawings.image_files import read_drawings
from episodic.drawings.images import area_average, to_size
from episodic.drawings.masking_noise import erase_pixels
from episodic.drawings.omniglot import (
    DrawingSource,
    DrawingSplits,
    GeneratedDrawings,
    LakeProtocol,
    ListedVinyalsProtocol,
    OmniglotDrawings,
    OmniglotPart,
    OmniglotSplits,
    SplitProtocol,
    VinyalsProtocol,
    find_omniglot,
    load_part,
)
from episodic.drawings.registration import HandwritingVariation
from episodic.drawings.symmetries import spread_symmetries

__all__ = [
    "Augmentation",
    "DrawingSource",
    "DrawingSplits",
    "GeneratedDrawings",
    "HandwritingVariation",
    "LakeProtocol",
    "ListedVinyalsProtocol",
    "OmniglotDrawings",
    "OmniglotPart",
    "OmniglotSplits",
    "SplitProtocol",
    "VinyalsProtocol",
    "area_average",
    "augment",
    "cached_embeddings",
    "deform",
    "embed_drawings",
    "embed_table",
    "erase_pixels",
    "find_omniglot",
    "generate_omniglot",
    "generated_classes",
    "load_part",
    "read_drawings",
    "spread_symmetries",
    "to_size",
    "with_rotations",
]
