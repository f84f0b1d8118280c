"""Embeddings of many drawings, computed in chunks."""

from collections.abc import Callable

import torch
from torch import Tensor

from episodic.drawings.symmetries import TURNS
from episodic.errors import require
from episodic.progress import track

#: Drawings embedded at once: larger chunks overflow a CPU's caches.
CHUNK = 64


@torch.no_grad()
def embed_drawings(embed: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Embed many drawings, 64 at a time: `[N, D]`.

    Args:
        embed: Maps `[B, 1, S, S]` floats in [0, 1] to `[B, D]`; it may move them to another device.
        images: `[N, 1, S, S]` floats in [0, 1], or `[N, S, S]` uint8.

    Raises:
        InputError: The images have another shape, or there are none.

    >>> embed_drawings(lambda x: x.flatten(1).mean(1, keepdim=True), torch.full((2, 28, 28), 255).byte()).tolist()
    [[1.0], [1.0]]
    """
    drawings = _as_drawings(images)
    chunks = track(drawings.split(CHUNK), "embedding", len(drawings), "drawings", each=CHUNK)
    return torch.cat([embed(_as_floats(chunk)) for chunk in chunks])


@torch.no_grad()
def with_rotations(embed: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Embed drawings and their quarter turns, each turn as a separate class: `[4 N, D]` and labels `[4 N]`.

    A drawing of class c after t counter-clockwise quarter turns has label 4 c + t, as in training with rotations.
    The unturned drawings come first, then all drawings after one turn, and so on.

    Args:
        embed: Maps `[B, 1, S, S]` floats in [0, 1] to `[B, D]`; it may move them to another device.
        images: `[N, 1, S, S]` floats in [0, 1], or `[N, S, S]` uint8.
        labels: `[N]` long.

    Raises:
        InputError: The images have another shape, or there are none; the labels have another shape.

    >>> with_rotations(lambda x: x.flatten(1), torch.rand(2, 1, 28, 28), torch.tensor([0, 1]))[1].tolist()
    [0, 4, 1, 5, 2, 6, 3, 7]
    """
    drawings = _as_drawings(images)
    require(
        labels.shape == drawings.shape[:1],
        f"labels have shape {tuple(labels.shape)}: {len(drawings)} images need [{len(drawings)}]",
    )
    turned = [embed_drawings(embed, torch.rot90(drawings, turns, dims=(2, 3))) for turns in range(TURNS)]
    embeddings = torch.cat(turned)
    return embeddings, torch.cat([TURNS * labels + turns for turns in range(TURNS)]).to(embeddings.device)


def _as_drawings(images: Tensor) -> Tensor:
    stored = images.dim() == 3 and images.dtype == torch.uint8
    drawings = images.unsqueeze(1) if stored else images
    fits = drawings.dim() == 4 and drawings.shape[1] == 1 and drawings.shape[2] == drawings.shape[3]
    require(
        fits and len(drawings) > 0,
        f"images have shape {tuple(images.shape)} and dtype {images.dtype}: "
        f"one drawing or more is expected, [N, 1, S, S] floats or [N, S, S] uint8",
    )
    return drawings


def _as_floats(drawings: Tensor) -> Tensor:
    return drawings.float() / 255 if drawings.dtype == torch.uint8 else drawings
