"""Resizing of drawings against Pillow's."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from episodic.drawings.images import area_average, to_size
from episodic.errors import InputError


def drawings(height: int, width: int | None = None, channels: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(2, channels, height, width or height, generator=generator) < 0.2).float()


def by_pillow(images: Tensor, size: int) -> Tensor:
    resized = [
        np.asarray(Image.fromarray(image[0].numpy()).resize((size, size), Image.Resampling.BILINEAR))
        for image in images
    ]
    return torch.from_numpy(np.stack(resized)).unsqueeze(1)


@pytest.mark.parametrize(("height", "size"), [(40, 52), (28, 64)])
def test_enlarging_equals_pillow(height: int, size: int) -> None:
    images = drawings(height)
    found = to_size(images, size)
    assert found.shape == (2, 1, size, size)
    torch.testing.assert_close(found, by_pillow(images, size), atol=1e-4, rtol=0.0)
    assert 0.0 <= found.min() <= found.max() <= 1.0


@pytest.mark.parametrize(("height", "size"), [(105, 28), (56, 28), (29, 28)])
def test_shrinking_equals_the_data_sets_own(height: int, size: int) -> None:
    images = drawings(height)
    own = [area_average((image[0] * 255).to(torch.uint8).numpy(), size) for image in images]
    found = to_size(images, size)
    torch.testing.assert_close(found, torch.from_numpy(np.stack(own)).unsqueeze(1) / 255, atol=0.5 / 255, rtol=1e-5)


def test_no_ink_is_lost_by_shrinking() -> None:
    # Plain bilinear sampling of every fourth pixel would miss thin strokes altogether.
    images = torch.zeros(1, 1, 112, 112)
    images[..., 1::8, :] = 1.0
    assert to_size(images, 28).mean().item() == pytest.approx(images.mean().item(), rel=0.05)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_paper_and_ink_keep_their_values(value: float) -> None:
    torch.testing.assert_close(to_size(torch.full((1, 1, 105, 105), value), 28), torch.full((1, 1, 28, 28), value))


def test_the_right_size_stays_as_it_is() -> None:
    images = drawings(28)
    assert torch.equal(to_size(images, 28), images)


@pytest.mark.parametrize(
    "images",
    [drawings(28, 30), drawings(27), drawings(28, channels=3), drawings(28)[0], torch.rand(784)],
    ids=["not square", "small", "colour", "no batch", "flat"],
)
def test_other_shapes_are_refused(images: Tensor) -> None:
    with pytest.raises(InputError, match=r"^images (have|are) .*(27 x 27|\[B, 1, H, H\])"):
        to_size(images, 28)


@pytest.mark.parametrize(("side", "size"), [(6, 4), (7, 3), (10, 5), (5, 5), (9, 7)])
def test_area_average_matches_a_loop_over_the_pixels_overlapped(side: int, size: int) -> None:
    ink = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)

    def overlapped(out: int) -> list[int]:
        return [
            inside for inside in range(side) if inside * size < (out + 1) * side and (inside + 1) * size > out * side
        ]

    for row, column in product(range(size), repeat=2):
        pixels = [int(ink[y, x]) for y in overlapped(row) for x in overlapped(column)]
        assert area_average(ink, size)[row, column] == round(Fraction(sum(pixels), len(pixels)))
