"""Masking noise: pixels erased at random."""

import torch
from torch import Tensor

from episodic.errors import require_fraction


def erase_pixels(images: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Set each pixel of drawings `[B, 1, S, S]` to 0 (no ink) with probability `share`.

    Vincent, Larochelle, Bengio and Manzagol 2008, "Extracting and Composing Robust Features with Denoising
    Autoencoders", section 2.3. Differs from the paper: pixels are erased independently; there their number is fixed.

    Args:
        images: Drawings.
        share: Probability that a pixel is erased.
        generator: Random generator on any device; None is torch's global one.

    Raises:
        InputError: `share` is outside [0, 1].

    >>> erase_pixels(torch.ones(1, 1, 1, 4), 0.5, torch.Generator().manual_seed(0)).tolist()
    [[[[0.0, 1.0, 0.0, 0.0]]]]
    """
    require_fraction(share=share)
    if share == 0:
        return images
    device = images.device if generator is None else generator.device
    kept = torch.rand(images.shape, generator=generator, device=device) >= share
    return images * kept.to(images.device)
