"""A Bayesian read: memories weighted by the probability that they are of the query's context."""

import math

import torch
from torch import Tensor

#: Keeps logarithms finite if no bit is ever flipped.
SMALLEST = 1e-9


def flip_posterior(distance: Tensor, chosen: Tensor, bits: int, flip_probability: float) -> Tensor:
    """Posterior of each chosen memory under the flip model, `[B, k]`: that its key and the query are of one context.

    Keys and query are noisy copies of random codes of K bits: each bit is flipped independently with probability p. Two
    copies of one code differ in a bit with probability `r = 2 p (1 - p)`, copies of different codes with 1/2. At first
    each of the k memories, and a context that is new, are equally likely. With distances d, in bits,

        w_i = l_i / (1 + sum_j l_j),    l_i = (2 r)^d_i (2 (1 - r))^(K - d_i)

    The remainder to 1 is the probability of a new context, for which nothing is recalled.

    >>> flip_posterior(torch.tensor([[0.0, 5.0]]), torch.tensor([[True, True]]), bits=10, flip_probability=0.1)
    tensor([[9.9244e-01, 5.0582e-04]])

    Args:
        distance: `[B, k]`, of the query to each neighbour's key.
        chosen: `[B, k]` bool; the others have weight 0.
        bits: K.
        flip_probability: p, from 0 to 0.5.
    """
    differ = min(max(2 * flip_probability * (1 - flip_probability), SMALLEST), 0.5)
    distance = distance.masked_fill(~chosen, 0.0)  # those of free slots are infinite
    ratio = distance * math.log(2 * differ) + (bits - distance) * math.log(2 * (1 - differ))
    ratio = ratio.masked_fill(~chosen, torch.finfo(ratio.dtype).min)
    new = torch.zeros_like(ratio[:, :1])
    return torch.where(chosen, torch.softmax(torch.cat([ratio, new], dim=1), dim=1)[:, :-1], 0.0)
