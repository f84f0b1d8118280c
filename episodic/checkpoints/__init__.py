"""Checkpoints: safe reading, embedders rebuilt from them, and weights copied across stages.

`load_embedder` takes the path of any stage's checkpoint or the name of a shipped embedder, and returns a frozen network
with `embed(x) -> [B, D]`. `read_checkpoint` reads tensors and plain data, never code. `copy_agent`, `copy_embedder` and
`copy_classifier` copy weights into a network of the same architecture. `Teachers` names encoders that teach another.
"""

from episodic.checkpoints.copying import classifier_weight, copy_agent, copy_classifier, copy_embedder
from episodic.checkpoints.embedders import (
    DRAWING_NETWORKS,
    EMBEDDER_KEY,
    NETWORKS,
    SHIPPED,
    describe_checkpoint,
    describe_embedder,
    find_checkpoint,
    load_embedder,
    shipped_embedders,
)
from episodic.checkpoints.reading import read_checkpoint, with_prefix
from episodic.checkpoints.teachers import TeacherEnsemble, Teachers

__all__ = [
    "DRAWING_NETWORKS",
    "EMBEDDER_KEY",
    "NETWORKS",
    "SHIPPED",
    "TeacherEnsemble",
    "Teachers",
    "classifier_weight",
    "copy_agent",
    "copy_classifier",
    "copy_embedder",
    "describe_checkpoint",
    "describe_embedder",
    "find_checkpoint",
    "load_embedder",
    "read_checkpoint",
    "shipped_embedders",
    "with_prefix",
]
