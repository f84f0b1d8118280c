"""Noise on barcodes: some of a code's bits are flipped, anywhere or in one region first."""

import torch
from torch import Tensor

from episodic.errors import require_choice, require_fraction

NOISE_KINDS = ("random", "left", "right", "center", "checkerboard")


def noise_region(kind: str, bits: int, device: torch.device | str = "cpu") -> Tensor:
    """The bits that a kind of noise flips first, `[K]` bool: all, or half of them (rounded up).

    Raises:
        InputError: an unknown kind.
    """
    require_choice("kind", kind, NOISE_KINDS)
    place, half = torch.arange(bits, device=device), (bits + 1) // 2
    if kind == "random":
        return torch.ones_like(place, dtype=torch.bool)
    if kind == "checkerboard":
        return place % 2 == 0
    start = {"left": 0, "right": bits - half, "center": (bits - half) // 2}[kind]
    return (place >= start) & (place < start + half)


def flip_bits(codes: Tensor, fraction: float, kind: str, generator: torch.Generator) -> Tensor:
    """Flip round(fraction * K) bits of each code, drawn afresh for each: `[..., K]` of 0 and 1 -> `[..., K]`.

    Positions lie in the kind's region; flips that do not fit there go anywhere else. Where the result would be
    all zero, which has no direction for a cosine kernel, the bit that was drawn last is put back. Which bit is
    drawn when does not depend on the fraction: a greater one flips the same bits and further ones.

    Raises:
        InputError: a fraction outside [0, 1], an unknown kind.
    """
    require_fraction(fraction=fraction)
    region = noise_region(kind, codes.shape[-1], codes.device)
    flips = round(fraction * codes.shape[-1])
    drawn = torch.rand(codes.shape, generator=generator, device=codes.device) + (~region).float()
    first = drawn.argsort(dim=-1)[..., :flips]
    noisy = codes.scatter(-1, first, 1 - codes.gather(-1, first))
    if flips:
        empty = ~noisy.any(dim=-1, keepdim=True)
        noisy.scatter_(-1, first[..., -1:], noisy.gather(-1, first[..., -1:]).masked_fill(empty, 1))
    return noisy
