"""Embeddings of many drawings, in chunks."""

from collections.abc import Callable

import torch
from torch import Tensor

from episodic.errors import require

#: Drawings embedded at once: larger chunks overflow a CPU's caches.
CHUNK = 64


@torch.no_grad()
def embed_drawings(embed: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Embeddings `[N, D]` of many drawings, some at a time.

    Args:
        embed: takes `[B, 1, S, S]` floats in [0, 1] to `[B, D]`; it may move them to its own device.
        images: `[N, 1, S, S]` floats in [0, 1], or `[N, S, S]` uint8 as the data keeps them.

    Raises:
        InputError: images of another shape, or none.
    """
    return torch.cat([embed(_as_floats(chunk)) for chunk in _as_drawings(images).split(CHUNK)])


@torch.no_grad()
def with_rotations(embed: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings `[4 N, D]` and labels `[4 N]` of drawings and their quarter turns, as classes of their own.

    A drawing of class c after t quarter turns (counter-clockwise) has the label 4 c + t, as in training with
    turned classes. All drawings as they are come first, then all after one turn, and so on.

    Args:
        embed: takes `[B, 1, S, S]` floats in [0, 1] to `[B, D]`; it may move them to its own device.
        images: `[N, 1, S, S]` floats in [0, 1], or `[N, S, S]` uint8 as the data keeps them.
        labels: `[N]` long.

    Raises:
        InputError: images of another shape, or none; labels of another shape.
    """
    drawings = _as_drawings(images)
    require(
        labels.shape == drawings.shape[:1],
        f"labels have shape {tuple(labels.shape)}: one for each of the {len(drawings)} images is needed",
    )
    turned = [embed_drawings(embed, torch.rot90(drawings, turns, dims=(2, 3))) for turns in range(4)]
    embeddings = torch.cat(turned)
    return embeddings, torch.cat([4 * labels + turns for turns in range(4)]).to(embeddings.device)


def _as_drawings(images: Tensor) -> Tensor:
    kept = images.dim() == 3 and images.dtype == torch.uint8
    drawings = images.unsqueeze(1) if kept else images
    fits = drawings.dim() == 4 and drawings.shape[1] == 1 and drawings.shape[2] == drawings.shape[3]
    require(
        fits and len(drawings) > 0,
        f"images have shape {tuple(images.shape)} and are of {images.dtype}: "
        f"[N, 1, S, S] floats, or [N, S, S] uint8, of one drawing or more are expected",
    )
    return drawings


def _as_floats(drawings: Tensor) -> Tensor:
    return drawings.float() / 255 if drawings.dtype == torch.uint8 else drawings
