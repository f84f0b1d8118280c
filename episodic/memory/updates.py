"""Update rules: how a second write to a stack changes the key, or the value, that the stack holds."""

from typing import NamedTuple

import torch
from torch import Tensor

UPDATES = ("latest", "average", "mean", "ema", "best_return")


class Meeting(NamedTuple):
    """How a new memory relates to the one in its stack; all `[B, 1]`."""

    known: Tensor  # bool: the stack holds a memory already; elsewhere the new one is taken as it is
    writes: Tensor  # long: writes to the stack so far, the new one included
    better: Tensor  # bool: the new memory's episode earned at least as much as every earlier one


def update_key(rule: str, stored: Tensor, new: Tensor, meeting: Meeting, rate: float) -> Tensor:
    """The key `[B, K]` of a stack after a write.

    `average` is Kaiser et al. 2017 (arXiv 1703.03129), equation 4, for keys of any length:
    `k <- normalise(normalise(k) + normalise(q))`. The other rules are those of `update_value`.
    """
    if rule == "average":
        summed = torch.nn.functional.normalize(stored, dim=-1) + torch.nn.functional.normalize(new, dim=-1)
        return torch.where(meeting.known, torch.nn.functional.normalize(summed, dim=-1), new)
    return update_value(rule, stored, new, meeting, rate)


def update_value(rule: str, stored: Tensor, new: Tensor, meeting: Meeting, rate: float) -> Tensor:
    """The value `[B, V]` of a stack after a write.

    `latest`: v <- new; `average`: v <- (v + new) / 2; `mean`: the mean of all n writes, v <- v + (new - v) / n;
    `ema`: v <- v + rate (new - v); `best_return`: new if its episode earned at least as much as every earlier one.

    >>> yes = torch.tensor([[True]])
    >>> second = Meeting(known=yes, writes=torch.tensor([[2]]), better=yes)
    >>> update_value("mean", torch.tensor([[1.0]]), torch.tensor([[4.0]]), second, 0.5)
    tensor([[2.5000]])
    """
    if rule == "latest":
        return new
    if rule == "best_return":
        return torch.where(meeting.known & ~meeting.better, stored, new)
    weight: Tensor | float = (
        {"average": 0.5, "ema": rate}[rule] if rule != "mean" else 1.0 / meeting.writes.to(stored.dtype)
    )
    return torch.where(meeting.known, stored + weight * (new - stored), new)
