"""Barcodes: random binary codes that identify contexts."""

import torch
from torch import Tensor

from episodic.errors import InputError, require, require_positive

#: Up to this many bits, all codes are listed and shuffled; beyond, codes are drawn and duplicates redrawn.
LISTED_BITS = 12
#: Rounds of the search for codes that are far apart; each draws four times the required number of codes.
ROUNDS = 8


def check_code_count(codes: int, bits: int, holders: str = "contexts") -> None:
    """Raise `InputError` unless there are enough distinct codes of `bits` bits, without the all-zero code.

    >>> check_code_count(7, bits=3)
    """
    require_positive(bits=bits)
    require(bits <= 62, f"bits is {bits}: a code has at most 62")
    available = 2**bits - 1
    require(
        codes <= available,
        f"bits is {bits}: that gives {available} barcodes other than all-zero, too few for {codes} {holders}",
    )


def distinct_barcodes(batch: int, codes: int, bits: int, generator: torch.Generator) -> Tensor:
    """Draw codes that are distinct within each row and never all zero -> `[B, codes, bits]` of 0.0 and 1.0.

    Differs from the paper: the all-zero code is excluded, because it has no direction for a cosine kernel.

    Raises:
        InputError: There are not enough codes of this length.

    >>> distinct_barcodes(2, 3, 10, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 10])
    """
    check_code_count(codes, bits)
    if bits <= LISTED_BITS:
        drawn = torch.rand(batch, 2**bits - 1, generator=generator).argsort(dim=1)[:, :codes] + 1
    else:
        drawn = torch.randint(1, 2**bits, (batch, codes), generator=generator)
        while (repeated := _repeated(drawn)).any():
            again = torch.randint(1, 2**bits, (batch, codes), generator=generator)
            drawn = torch.where(repeated, again, drawn)
    return to_bits(drawn, bits)


def to_bits(numbers: Tensor, bits: int) -> Tensor:
    """Convert numbers to bits, lowest first: `[...]` long -> `[..., bits]` of 0.0 and 1.0.

    >>> to_bits(torch.tensor([6]), bits=4)
    tensor([[0., 1., 1., 0.]])
    """
    return ((numbers.unsqueeze(-1) >> torch.arange(bits, device=numbers.device)) & 1).float()


def _repeated(drawn: Tensor) -> Tensor:
    """Find the numbers that occur earlier in their row: `[B, N]` long -> `[B, N]` bool."""
    ordered, order = drawn.sort(dim=1, stable=True)
    repeated = torch.zeros_like(drawn, dtype=torch.bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    return torch.zeros_like(repeated).scatter(1, order, repeated)


def spread_barcodes(codes: int, bits: int, distance: int, generator: torch.Generator) -> Tensor:
    """Draw codes that differ pairwise in at least `distance` bits, none all zero -> `[codes, bits]` of 0.0 and 1.0.

    Random codes are drawn; each is kept if it is far enough from those kept so far.

    Raises:
        InputError: There are not enough codes of this length, or the search finds too few.

    >>> spread_barcodes(3, 8, 4, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 8])
    """
    require_positive(distance=distance)
    check_code_count(codes, bits, "characters")
    kept = torch.empty(0, bits)
    for _ in range(ROUNDS):
        drawn = to_bits(torch.randint(1, 2**bits, (4 * codes,), generator=generator), bits)
        for code in drawn[_apart(drawn, kept, distance)]:
            if len(kept) == 0 or bool((kept != code).sum(dim=1).min() >= distance):
                kept = torch.cat([kept, code.unsqueeze(0)])
                if len(kept) == codes:
                    return kept
    raise InputError(
        f"distance is {distance}: only {len(kept)} of {codes} barcodes of {bits} bits that far apart were found; use "
        f"more bits or a smaller distance"
    )


def _apart(drawn: Tensor, kept: Tensor, distance: int) -> Tensor:
    """Find the codes `[N, bits]` that differ enough from all kept ones `[M, bits]` -> `[N]` bool."""
    if len(kept) == 0:
        return torch.ones(len(drawn), dtype=torch.bool)
    return torch.cdist(drawn, kept, p=1).amin(dim=1) > distance - 0.5
