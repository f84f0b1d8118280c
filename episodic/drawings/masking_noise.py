"""Pixels erased at random."""

import torch
from torch import Tensor

from episodic.errors import require_fraction


def erase_pixels(images: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Set a share of all pixels of drawings `[B, 1, S, S]` to 0, no ink: masking noise.

    Vincent, Larochelle, Bengio and Manzagol 2008, "Extracting and Composing Robust Features with Denoising
    Autoencoders", section 2.3.

    Differs from the paper: each pixel is erased with this probability, whatever becomes of the others; there the number
    of those that are erased is fixed.

    Args:
        images: drawings.
        share: probability that a pixel is erased.
        generator: of the random numbers, on any device; None takes torch's own.

    Raises:
        InputError: a share outside [0, 1].
    """
    require_fraction(share=share)
    if share == 0:
        return images
    device = images.device if generator is None else generator.device
    kept = torch.rand(images.shape, generator=generator, device=device) >= share
    return images * kept.to(images.device)
