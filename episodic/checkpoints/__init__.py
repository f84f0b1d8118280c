"""Checkpoints: safe reading, `load_embedder`, copying of weights across stages, and the shipped encoders.

`read_checkpoint` reads tensors and plain data only and never runs code. `load_embedder` takes the encoder out of any
stage's checkpoint, or loads a shipped one by name.
"""

from episodic.checkpoints.embedders import (
    EMBEDDER_KEY,
    SHIPPED,
    describe_checkpoint,
    describe_embedder,
    find_checkpoint,
    load_embedder,
    read_checkpoint,
    shipped_encoders,
)

__all__ = [
    "EMBEDDER_KEY",
    "SHIPPED",
    "describe_checkpoint",
    "describe_embedder",
    "find_checkpoint",
    "load_embedder",
    "read_checkpoint",
    "shipped_encoders",
]
