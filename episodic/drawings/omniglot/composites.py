"""Additional training classes: characters combined from two training characters."""

import math

import torch
from torch import Tensor

from episodic.drawings.deformation import Affine, inverse_affine, warp
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.errors import require, require_positive

SMALLEST_FACTOR = 0.55  # by which a character is narrowed or flattened before it is combined


def composite_part(part: OmniglotPart, characters: int, seed: int) -> OmniglotPart:
    """Combine pairs of characters into new classes.

    Each composite unites the ink of two characters, both narrowed, flattened and moved. All drawings of a composite
    use the same two characters with the same layout. Drawing d unites the d-th drawings of both, which are by one
    drawer if both characters are of one alphabet. A larger number of composites adds to a smaller one.

    Args:
        part: Characters to combine, at least two.
        characters: Number of composites.
        seed: Seed of the pairs and their layouts.

    Returns:
        As many drawings of each composite as the character with the fewest has; all of one alphabet, `composites`.

    Raises:
        InputError: `characters` is not positive, or the part has fewer than two characters.

    >>> part = OmniglotPart(torch.zeros(4, 28, 28).byte(), torch.arange(4) // 2, torch.zeros(2), list("ab"), ["A"])
    >>> composite_part(part, 3, seed=0).images.shape
    torch.Size([6, 28, 28])
    """
    require_positive(composite_classes=characters)
    available = len(part.class_names)
    require(available >= 2, f"composite_classes is {characters}: {available} character is too few to combine two")
    counts = part.labels.bincount(minlength=available)
    drawings = int(counts.min())
    generator = torch.Generator().manual_seed(seed)
    rows = (counts.cumsum(0) - counts).unsqueeze(1) + torch.arange(drawings)  # [C, drawings] into `order`
    order = part.labels.argsort(stable=True)
    images = []
    for _ in range(characters):
        one, other = torch.randperm(available, generator=generator)[:2].tolist()
        layout = torch.rand(2, 4, generator=generator)  # of each: width, height, position along x, along y
        united = [
            _laid_out(part.images[order[rows[character]]], numbers)
            for character, numbers in zip((one, other), layout, strict=True)
        ]
        images.append(torch.maximum(*united))
    names = [f"composites/character{number + 1:05d}" for number in range(characters)]
    labels = torch.arange(characters).repeat_interleave(drawings)
    return OmniglotPart(torch.cat(images), labels, torch.zeros(characters, dtype=torch.long), names, ["composites"])


def _laid_out(images: Tensor, numbers: Tensor) -> Tensor:
    """Shrink and move drawings `[n, S, S]` uint8 within their frame, all alike, by four numbers in [0, 1)."""
    factors = torch.exp(math.log(SMALLEST_FACTOR) * numbers[:2])
    shift = (2 * numbers[2:] - 1) * (1 - factors)  # ink inside the frame stays inside
    still = torch.zeros(1)
    matrix, moved = inverse_affine(still, factors.unsqueeze(0), still, shift.unsqueeze(0))
    count = len(images)
    affine = Affine(matrix.expand(count, -1, -1), moved.expand(count, -1))
    warped = warp(images.unsqueeze(1).float() / 255, affine)
    # A narrowed stroke covers less of its pixels: restore its darkness.
    return warped.div(factors.prod().sqrt()).clamp(max=1.0).mul(255).round().byte().squeeze(1)
