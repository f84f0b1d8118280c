"""Which of N embeddings belong to which class, and random choices of classes and of their embeddings."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require


class ClassRows(NamedTuple):
    """The rows of each of C classes, in their order; M is the number of rows of the largest class."""

    labels: Tensor  # [C] long, ascending
    rows: Tensor  # [C, M] long; what lies behind a class's number of rows means nothing
    counts: Tensor  # [C] long


def class_rows(labels: Tensor) -> ClassRows:
    """Sort the rows of labels `[N]` long by class."""
    names, number, counts = labels.unique(return_inverse=True, return_counts=True)
    order = number.argsort(stable=True)
    place = torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[number[order]]
    rows = order.new_zeros(len(names), int(counts.max()) if len(counts) else 0)
    rows[number[order], place] = order
    return ClassRows(names, rows, counts)


def classes_with(table: ClassRows, least: int) -> ClassRows:
    """Those classes that have `least` rows or more."""
    enough = table.counts >= least
    return ClassRows(*(part[enough] for part in table))


def choose_classes(allowed: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw `count` of the classes that `[E, C]` bool allows each of E episodes, without replacement -> `[E, count]`."""
    return uniform(allowed, generator).masked_fill_(~allowed, -1.0).topk(count, dim=1).indices


def choose_rows(table: ClassRows, classes: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw `count` rows of each of the classes `[E, W]`, without replacement -> `[E, W, count]`."""
    there = torch.arange(table.rows.shape[1], device=classes.device) < table.counts[classes].unsqueeze(-1)
    place = uniform(there, generator).masked_fill_(~there, -1.0).topk(count, dim=-1).indices
    return table.rows[classes.unsqueeze(-1), place]


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers in [0, 1) of a tensor's shape and on its device, whatever device the generator is on."""
    device = like.device if generator is None else generator.device
    return torch.rand(like.shape, generator=generator, device=device).to(like.device)


def chunk_sizes(total: int, most: int) -> list[int]:
    """`total` cut into pieces of `most` and a rest."""
    return [min(most, total - start) for start in range(0, total, most)]


def usable_embeddings(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings `[N, D]` in single precision or better, and labels `[N]` long on their device.

    Raises:
        InputError: other shapes, labels that are not integers, embeddings that are not finite.
    """
    shape = tuple(embeddings.shape)
    require(embeddings.dim() == 2, f"embeddings have shape {shape}: [N, D] is expected")
    require(
        labels.shape == shape[:1] and labels.dtype == torch.long,
        f"labels are of shape {tuple(labels.shape)} and of {labels.dtype}: "
        f"they have to be of shape {shape[:1]} and of torch.int64",
    )
    points = embeddings.detach()
    points = points if points.dtype == torch.float64 else points.float()
    require(bool(points.isfinite().all()), "embeddings hold NaN or infinity: every number has to be finite")
    return points, labels.to(points.device)
