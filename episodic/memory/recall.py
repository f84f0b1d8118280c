"""The answer of a read."""

from typing import NamedTuple

from torch import Tensor

#: Label of a free slot, and label and slot of a read that recalls nothing.
EMPTY = -1


class Recall(NamedTuple):
    """The answer of a read; an environment that recalls nothing has value 0, label -1 and slot -1.

    `similarity` belongs to the nearest stored key, even if it is below the threshold. It is `-inf` for an empty
    memory and NaN for a query that holds a NaN.
    """

    value: Tensor  # [B, V]
    label: Tensor  # [B] long
    similarity: Tensor  # [B]
    slot: Tensor  # [B] long
