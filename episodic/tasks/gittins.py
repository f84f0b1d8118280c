"""The Gittins index of a Bernoulli arm, by calibration against an arm that pays a sure amount.

Gittins 1979; Gittins, Glazebrook & Weber 2011, section 8.4. With a successes and b failures counted into
a Beta posterior, the index is the sure payment at which playing on and retiring to the sure arm are worth
the same:

    V(a, b) = max(lambda / (1 - discount), p (1 + discount V(a+1, b)) + (1 - p) discount V(a, b+1)),  p = a / (a + b)
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from episodic.errors import require


@lru_cache(maxsize=8)
def gittins_indices(pulls: int, discount: float = 0.9, prior: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Indices after s successes and f failures -> `[pulls + 1, pulls + 1]` double; 0 where s + f > pulls.

    Backward induction from a horizon where the discounted rest is below 1e-7, for a fine grid of sure
    payments at once; the index is where the advantage of playing on crosses zero, interpolated.

    Args:
        pulls: most pulls of one arm that are looked up.
        discount: in (0, 1); 0.9 looks about ten pulls ahead.
        prior: parameters of the Beta prior.

    Raises:
        InputError: a discount outside (0, 1).
    """
    require(0 < discount < 1, f"discount is {discount}: a Gittins index needs one between 0 and 1")
    horizon = pulls + int(np.ceil(np.log(1e-7 * (1 - discount)) / np.log(discount)))
    sure = np.linspace(0.0, 1.0, 2001)
    retired = sure / (1 - discount)
    table = np.zeros((pulls + 1, pulls + 1))
    successes = np.arange(horizon + 1)[:, None]
    mean = (prior[0] + successes) / (sum(prior) + horizon)
    value = np.maximum(mean / (1 - discount), retired)  # [horizon + 1 ways to get there, grid]
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
