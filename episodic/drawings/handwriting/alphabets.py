"""Generated alphabets, and generated characters as additional training classes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from episodic.drawings.handwriting.characters import draw_character, draw_style
from episodic.drawings.handwriting.drawers import draw_drawers, draw_drawings
from episodic.drawings.images import LARGEST, area_average, require_image_size
from episodic.errors import require, require_positive

#: Purposes of an alphabet; alphabets of different purposes differ.
CLASSES, BACKGROUND, EVALUATION = range(3)
ALPHABET = 30  # characters of an alphabet in `generated_classes`


def draw_alphabet(characters: int, drawings: int, size: int, seed: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Yield each character's drawings, `[drawings, size, size]`, ink = 255.

    Args:
        characters: Number of characters.
        drawings: Drawings of each, by different drawers.
        size: Side of a drawing in pixels.
        seed: Three numbers that identify the alphabet.

    >>> [images.shape for images in draw_alphabet(2, 3, 28, [0, BACKGROUND, 0])]
    [(3, 28, 28), (3, 28, 28)]
    """
    generator = np.random.default_rng(seed)
    style, drawers = draw_style(generator), draw_drawers(drawings, generator)
    for character in range(1, characters + 1):
        generator = np.random.default_rng([*seed, character])
        yield draw_drawings(draw_character(style, generator), style, drawers, size, generator)


def generated_classes(characters: int, drawings: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Generate characters in memory as additional training classes.

    They differ from those of `generate_omniglot`. A larger number of characters adds to a smaller one.

    Args:
        characters: Number of classes.
        drawings: Drawings of each class.
        size: Side S of the drawings in pixels, 28 to 105: area averages of drawings of 105 pixels.
        seed: Seed of characters and drawings.

    Returns:
        Images `[characters * drawings, S, S]` uint8, ink = 255, sorted by class, and their labels from 0, long.

    Raises:
        InputError: A number is not positive, the seed is negative, or the size is out of range.

    >>> images, labels = generated_classes(2, 3, 28, seed=0)
    >>> images.shape, labels.tolist()
    (torch.Size([6, 28, 28]), [0, 0, 0, 1, 1, 1])
    """
    require_positive(characters=characters, drawings=drawings)
    require_seed(seed)
    require_image_size(size)
    images = np.empty((characters, drawings, size, size), dtype=np.uint8)
    for first in range(0, characters, ALPHABET):
        count = min(ALPHABET, characters - first)
        alphabet = draw_alphabet(count, drawings, LARGEST, [seed, CLASSES, first // ALPHABET])
        for index, drawn in enumerate(alphabet, start=first):
            images[index] = [area_average(drawing, size) for drawing in drawn]
    labels = torch.arange(characters).repeat_interleave(drawings)
    return torch.from_numpy(images).flatten(0, 1), labels


def require_seed(seed: int) -> None:
    """Raise `InputError` unless the seed is 0 or more."""
    require(seed >= 0, f"seed is {seed}: it must be 0 or more")
