"""The Gittins index of a Bernoulli arm, by calibration against an arm with a sure payment.

Gittins 1979; Gittins, Glazebrook & Weber 2011, section 8.4. For a Beta(a, b) posterior, the index is the sure payment
lambda at which playing on and retiring to the sure arm have the same value:

    V(a, b) = max(lambda / (1 - discount), p (1 + discount V(a+1, b)) + (1 - p) discount V(a, b+1)),  p = a / (a + b)
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from episodic.errors import require


@lru_cache(maxsize=8)
def gittins_indices(pulls: int, discount: float = 0.9, prior: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Compute the index after s successes and f failures -> `[pulls + 1, pulls + 1]` double; 0 if s + f > pulls.

    Backward induction starts at a horizon beyond which discounted rewards sum to less than 1e-7. It treats a fine grid
    of sure payments at once and interpolates the payment at which the advantage of playing on crosses zero.

    Args:
        pulls: Largest number of pulls of one arm in the table.
        discount: Between 0 and 1; 0.9 looks about ten pulls ahead.
        prior: Parameters of the Beta prior.

    Raises:
        InputError: The discount is not between 0 and 1.

    >>> round(gittins_indices(1, discount=0.5)[0, 0].item(), 3)
    0.559
    """
    require(0 < discount < 1, f"discount is {discount}: it must lie between 0 and 1")
    horizon = pulls + int(np.ceil(np.log(1e-7 * (1 - discount)) / np.log(discount)))
    sure = np.linspace(0.0, 1.0, 2001)
    retired = sure / (1 - discount)
    table = np.zeros((pulls + 1, pulls + 1))
    successes = np.arange(horizon + 1)[:, None]
    mean = (prior[0] + successes) / (sum(prior) + horizon)
    value = np.maximum(mean / (1 - discount), retired)  # [horizon + 1 numbers of successes, grid]
    for played in range(horizon - 1, -1, -1):
        successes = np.arange(played + 1)[:, None]
        mean = (prior[0] + successes) / (sum(prior) + played)
        go_on = mean * (1 + discount * value[1:]) + (1 - mean) * discount * value[:-1]
        if played <= pulls:
            gain = go_on - retired  # falls as the sure payment rises
            last = (gain > 0).sum(axis=1) - 1
            rows = np.arange(played + 1)
            after = np.minimum(last + 1, len(sure) - 1)
            step = gain[rows, last] / np.maximum(gain[rows, last] - gain[rows, after], 1e-300)
            table[rows, played - rows] = sure[last] + step * (sure[after] - sure[last])
        value = np.maximum(go_on, retired)
    return torch.from_numpy(table)
