"""Omniglot: finding, checking and decoding its files, and splitting its characters by the published protocols."""

from episodic.drawings.omniglot.class_split import ClassSplit
from episodic.drawings.omniglot.composites import composite_part
from episodic.drawings.omniglot.decoding import decode_drawing
from episodic.drawings.omniglot.listed_vinyals import ListedVinyalsProtocol
from episodic.drawings.omniglot.listing import OFFICIAL, Counts, list_classes
from episodic.drawings.omniglot.loading import load_part
from episodic.drawings.omniglot.part import OmniglotPart, join_parts, select_classes
from episodic.drawings.omniglot.protocols import LakeProtocol, SplitProtocol, VinyalsProtocol
from episodic.drawings.omniglot.root import find_omniglot, holds_omniglot
from episodic.drawings.omniglot.sources import DrawingSource, GeneratedDrawings, OmniglotDrawings
from episodic.drawings.omniglot.splits import DrawingSplits, OmniglotSplits

__all__ = [
    "OFFICIAL",
    "ClassSplit",
    "Counts",
    "DrawingSource",
    "DrawingSplits",
    "GeneratedDrawings",
    "LakeProtocol",
    "ListedVinyalsProtocol",
    "OmniglotDrawings",
    "OmniglotPart",
    "OmniglotSplits",
    "SplitProtocol",
    "VinyalsProtocol",
    "composite_part",
    "decode_drawing",
    "find_omniglot",
    "holds_omniglot",
    "join_parts",
    "list_classes",
    "load_part",
    "select_classes",
]
