"""Further classes to train on: characters put together from two of the training characters."""

import math

import torch
from torch import Tensor

from episodic.drawings.augmentation import Affine, inverse_affine, warp
from episodic.drawings.omniglot_files import OmniglotPart
from episodic.errors import require, require_positive

SMALLEST_FACTOR = 0.55  # by which a character is narrowed, or flattened, before the other joins it


def composite_part(part: OmniglotPart, characters: int, seed: int) -> OmniglotPart:
    """Classes of two characters each, every one narrowed, flattened and moved in its own way, their ink united.

    A composite's drawings are of the same two characters in the same places; drawing d unites the d-th drawings of
    both, which are by one drawer where both are of one alphabet. A larger number of composites adds to a smaller
    one's.

    Args:
        part: characters to put together, at least two.
        characters: number of composites.
        seed: of which characters, and how each is changed.

    Returns:
        As many drawings of each composite as the character with the fewest has; all of one alphabet, `composites`.

    Raises:
        InputError: a number that is not positive, fewer than two characters.
    """
    require_positive(composite_classes=characters)
    available = len(part.class_names)
    require(available >= 2, f"{available} character to put together: composite_classes needs at least 2")
    counts = part.labels.bincount(minlength=available)
    drawings = int(counts.min())
    generator = torch.Generator().manual_seed(seed)
    rows = (counts.cumsum(0) - counts).unsqueeze(1) + torch.arange(drawings)  # [C, drawings] into `order`
    order = part.labels.argsort(stable=True)
    images = []
    for _ in range(characters):
        one, other = torch.randperm(available, generator=generator)[:2].tolist()
        layout = torch.rand(2, 4, generator=generator)  # of each: width, height, place along x, along y
        united = [
            _placed(part.images[order[rows[character]]], numbers)
            for character, numbers in zip((one, other), layout, strict=True)
        ]
        images.append(torch.maximum(*united))
    names = [f"composites/character{number + 1:05d}" for number in range(characters)]
    labels = torch.arange(characters).repeat_interleave(drawings)
    return OmniglotPart(torch.cat(images), labels, torch.zeros(characters, dtype=torch.long), names, ["composites"])


def _placed(images: Tensor, numbers: Tensor) -> Tensor:
    """Drawings `[n, S, S]` uint8 made smaller within their frame, all alike, by four numbers in [0, 1)."""
    factors = torch.exp(math.log(SMALLEST_FACTOR) * numbers[:2])
    shift = (2 * numbers[2:] - 1) * (1 - factors)  # what was drawn inside the frame stays inside
    still = torch.zeros(1)
    matrix, moved = inverse_affine(still, factors.unsqueeze(0), still, shift.unsqueeze(0))
    count = len(images)
    affine = Affine(matrix.expand(count, -1, -1), moved.expand(count, -1))
    placed = warp(images.unsqueeze(1).float() / 255, affine)
    # A narrowed stroke covers less of its pixels: as dark as it was, again.
    return placed.div(factors.prod().sqrt()).clamp(max=1.0).mul(255).round().byte().squeeze(1)
