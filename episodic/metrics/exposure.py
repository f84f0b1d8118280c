"""Means over the episodes of each exposure."""

import torch
from torch import Tensor


def by_exposure(values: Tensor, exposures: Tensor, count: int | None = None) -> Tensor:
    """Average values of E episodes in B environments over the episodes of each exposure.

    Args:
        values: `[E, B]`, or `[E, T, B]` with a value for each step.
        exposures: `[E, B]` long, from 1.
        count: number X of exposures; later ones count as the last. None is the largest that occurs.

    Returns:
        `[X]` or `[X, T]`; NaN for an exposure that does not occur.

    >>> rewards, exposures = torch.tensor([[1.0, 2.0], [5.0, 7.0]]), torch.tensor([[1, 1], [2, 2]])
    >>> by_exposure(rewards, exposures)
    tensor([1.5000, 6.0000])
    """
    count = int(exposures.max()) if count is None else count
    episodes = values.unsqueeze(-1) if values.dim() == 2 else values.transpose(1, 2)  # [E, B, T]
    row = exposures.clamp_max(count) - 1
    means = torch.stack([episodes[row == number].mean(dim=0) for number in range(count)])
    return means.squeeze(1) if values.dim() == 2 else means
