"""Barcodes: random binary codes that name a context."""

import torch
from torch import Tensor

from errors import require, require_positive

#: Up to this many bits all codes are listed and shuffled; beyond, codes are drawn and doubles redrawn.
LISTED_BITS = 12


def check_code_count(codes: int, bits: int, holders: str = "contexts") -> None:
    """Raise `InputError` where `bits` cannot give so many distinct codes other than all-zero."""
    require_positive(bits=bits)
    require(bits <= 62, f"bits is {bits}: at most 62 fit a code")
    available = 2**bits - 1
    require(
        codes <= available,
        f"bits is {bits}: that gives {available} barcodes other than all-zero, and {codes} {holders} need one each",
    )


def distinct_barcodes(batch: int, codes: int, bits: int, generator: torch.Generator) -> Tensor:
    """Draw codes that are distinct within each row and never all zero -> `[B, codes, bits]` of 0.0 and 1.0.

    Differs from the paper: the all-zero code is left out, since it has no direction for a cosine kernel.

    Raises:
        InputError: there are not so many codes of that length.
    """
    check_code_count(codes, bits)
    if bits <= LISTED_BITS:
        drawn = torch.rand(batch, 2**bits - 1, generator=generator).argsort(dim=1)[:, :codes] + 1
    else:
        drawn = torch.randint(1, 2**bits, (batch, codes), generator=generator)
        while (doubles := _doubles(drawn)).any():
            again = torch.randint(1, 2**bits, (batch, codes), generator=generator)
            drawn = torch.where(doubles, again, drawn)
    return to_bits(drawn, bits)


def to_bits(numbers: Tensor, bits: int) -> Tensor:
    """Codes as 0.0 and 1.0, the lowest bit first: `[...]` long -> `[..., bits]`."""
    return ((numbers.unsqueeze(-1) >> torch.arange(bits, device=numbers.device)) & 1).float()


def _doubles(drawn: Tensor) -> Tensor:
    """`[B, N]` long -> `[B, N]` bool: equal to an earlier one of the same row."""
    ordered, order = drawn.sort(dim=1, stable=True)
    repeated = torch.zeros_like(drawn, dtype=torch.bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    return torch.zeros_like(repeated).scatter(1, order, repeated)
