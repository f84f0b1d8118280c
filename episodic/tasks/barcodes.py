"""Barcodes: random binary codes that name a context."""

import torch
from torch import Tensor

from episodic.errors import InputError, require, require_positive

#: Up to this many bits all codes are listed and shuffled; beyond, codes are drawn and doubles redrawn.
LISTED_BITS = 12
#: How often four times as many codes as are wanted are drawn in the search for codes that are far apart.
ROUNDS = 8


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


def spread_barcodes(codes: int, bits: int, distance: int, generator: torch.Generator) -> Tensor:
    """Draw codes of which any two differ in at least `distance` bits, none all zero -> `[codes, bits]` of 0.0 and 1.0.

    Codes are drawn at random and kept where they are far enough from those that have been kept.

    Raises:
        InputError: there are not so many codes of that length, or they were not found.
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
        f"distance is {distance}: {codes} barcodes of {bits} bits that are so far apart were not found, "
        f"only {len(kept)}: more bits or a smaller distance are needed"
    )


def _apart(drawn: Tensor, kept: Tensor, distance: int) -> Tensor:
    """Which of the codes `[N, bits]` differ from all that are kept `[M, bits]` in enough bits, `[N]` bool."""
    if len(kept) == 0:
        return torch.ones(len(drawn), dtype=torch.bool)
    return torch.cdist(drawn, kept, p=1).amin(dim=1) > distance - 0.5
