"""The embeddings of each class, and random draws of classes and of their embeddings."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require


class ClassRows(NamedTuple):
    """The rows of each of C classes, in order. M is the size of the largest class."""

    labels: Tensor  # [C] long, ascending
    rows: Tensor  # [C, M] long; entries beyond a class's size are meaningless
    counts: Tensor  # [C] long


def class_rows(labels: Tensor) -> ClassRows:
    """Group the rows of labels `[N]` long by class.

    >>> class_rows(torch.tensor([7, 5, 7]))
    ClassRows(labels=tensor([5, 7]), rows=tensor([[1, 0],
            [0, 2]]), counts=tensor([1, 2]))
    """
    names, number, counts = labels.unique(return_inverse=True, return_counts=True)
    order = number.argsort(stable=True)
    position = torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[number[order]]
    rows = order.new_zeros(len(names), int(counts.max()) if len(counts) else 0)
    rows[number[order], position] = order
    return ClassRows(names, rows, counts)


def classes_with(table: ClassRows, least: int) -> ClassRows:
    """Keep the classes that have `least` rows or more.

    >>> classes_with(class_rows(torch.tensor([7, 5, 7])), 2).labels
    tensor([7])
    """
    enough = table.counts >= least
    return ClassRows(*(part[enough] for part in table))


def choose_classes(allowed: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw `count` classes for each of E episodes without replacement, out of `allowed` `[E, C]` bool: `[E, count]`.

    >>> choose_classes(torch.tensor([[False, True, False]]), 1, None)
    tensor([[1]])
    """
    return uniform(allowed, generator).masked_fill_(~allowed, -1.0).topk(count, dim=1).indices


def choose_rows(table: ClassRows, classes: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Draw `count` rows of each of the classes `[E, W]` without replacement: `[E, W, count]`.

    >>> choose_rows(class_rows(torch.tensor([7, 5, 7])), torch.tensor([[0]]), 1, None)
    tensor([[[1]]])
    """
    valid = torch.arange(table.rows.shape[1], device=classes.device) < table.counts[classes].unsqueeze(-1)
    position = uniform(valid, generator).masked_fill_(~valid, -1.0).topk(count, dim=-1).indices
    return table.rows[classes.unsqueeze(-1), position]


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw numbers in [0, 1) on the generator's device, with the shape and on the device of `like`.

    >>> uniform(torch.empty(2, 3), None).shape
    torch.Size([2, 3])
    """
    device = like.device if generator is None else generator.device
    return torch.rand(like.shape, generator=generator, device=device).to(like.device)


def chunk_sizes(total: int, most: int) -> list[int]:
    """Cut `total` into pieces of `most` and a remainder.

    >>> chunk_sizes(5, 2)
    [2, 2, 1]
    """
    return [min(most, total - start) for start in range(0, total, most)]


def usable_embeddings(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return embeddings `[N, D]` in single precision or better, and labels `[N]` long on the same device.

    Raises:
        InputError: Shapes do not fit, labels are not integers, or embeddings are not finite.

    >>> usable_embeddings(torch.ones(2, 3).half(), torch.arange(2))[0].dtype
    torch.float32
    """
    shape = tuple(embeddings.shape)
    require(embeddings.dim() == 2, f"embeddings have shape {shape}: [N, D] is expected")
    require(
        labels.shape == shape[:1] and labels.dtype == torch.long,
        f"labels have shape {tuple(labels.shape)} and dtype {labels.dtype}: "
        f"shape {shape[:1]} and torch.int64 are expected",
    )
    points = embeddings.detach()
    points = points if points.dtype == torch.float64 else points.float()
    require(bool(points.isfinite().all()), "embeddings hold NaN or infinity: every number must be finite")
    return points, labels.to(points.device)
