"""Noise on barcodes: flipped bits, anywhere or in one region first."""

import torch
from torch import Tensor

from episodic.errors import require_choice, require_fraction

NOISE_KINDS = ("random", "left", "right", "center", "checkerboard")


def noise_region(kind: str, bits: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the bits that a kind of noise flips first, `[K]` bool: all of them, or half of them (rounded up).

    Raises:
        InputError: The kind is unknown.

    >>> noise_region("left", bits=5)
    tensor([ True,  True,  True, False, False])
    """
    require_choice("kind", kind, NOISE_KINDS)
    position, half = torch.arange(bits, device=device), (bits + 1) // 2
    if kind == "random":
        return torch.ones_like(position, dtype=torch.bool)
    if kind == "checkerboard":
        return position % 2 == 0
    start = {"left": 0, "right": bits - half, "center": (bits - half) // 2}[kind]
    return (position >= start) & (position < start + half)


def flip_bits(codes: Tensor, fraction: float, kind: str, generator: torch.Generator) -> Tensor:
    """Flip round(fraction * K) random bits of each code: `[..., K]` of 0 and 1 -> `[..., K]`.

    Flips fill the kind's region first, then the other bits. If the result is all zero, which has no direction for a
    cosine kernel, the last flip is undone. A larger fraction flips the same bits and further ones.

    Raises:
        InputError: The fraction is outside [0, 1], or the kind is unknown.

    >>> flip_bits(torch.zeros(1, 4), 0.5, "left", torch.Generator().manual_seed(0))
    tensor([[1., 1., 0., 0.]])
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
