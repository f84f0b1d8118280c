"""Choosing which of many items a plot shows; always the same ones for the same data."""

import numpy as np
import torch
from torch import Tensor


def spread_evenly(count: int, total: int) -> Tensor:
    """Return at most `count` of the numbers 0 to `total` - 1, evenly spread from the first to the last.

    >>> spread_evenly(3, total=9)
    tensor([0, 4, 8])
    """
    return torch.from_numpy(np.linspace(0, total - 1, min(count, total)).astype(np.int64))


def whole_classes(labels: Tensor, count: int) -> Tensor:
    """Return the rows of all items of some classes, evenly spread over the classes.

    Args:
        labels: `[N]` long.
        count: number of rows to aim for; reached exactly if all classes have the same size.

    >>> whole_classes(torch.tensor([0, 0, 1, 1, 2, 2]), count=4)
    tensor([0, 1, 4, 5])
    """
    classes = labels.unique()
    chosen = spread_evenly(max(1, count * len(classes) // len(labels)), len(classes))
    return torch.isin(labels, classes[chosen]).nonzero().squeeze(1)


def some_contexts(labels: Tensor, contexts: int, most: int) -> Tensor:
    """Return rows of at most `most` states of at most `contexts` contexts, spread over both; labels `[N]` long."""
    names = labels.unique()
    rows = torch.isin(labels, names[spread_evenly(contexts, len(names))]).nonzero().squeeze(1)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return rows[order[:most]]
