"""Given deformations against SciPy and plain loops."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from episodic.drawings.augmentation import draw_affine, draw_displacement
from episodic.drawings.deformation import Affine, change_stroke, deform, inverse_affine, warp


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawings(count: int = 6, side: int = 28) -> Tensor:
    return torch.rand(count, 1, side, side, generator=generator(9)).pow(3)


def still(count: int) -> Affine:
    return Affine(torch.eye(2).repeat(count, 1, 1), torch.zeros(count, 2))


def by_scipy(image: Tensor, matrix: Tensor, shift: Tensor, displacement: Tensor) -> Tensor:
    """Pixel by pixel: where its ink comes from, and SciPy's bilinear sampling there."""
    side = image.shape[-1]
    rows, columns = np.empty((side, side)), np.empty((side, side))
    for i in range(side):
        for j in range(side):
            p = np.array([(2 * j + 1) / side - 1, (2 * i + 1) / side - 1])
            x, y = matrix.numpy() @ p + shift.numpy() + displacement[:, i, j].numpy()
            columns[i, j], rows[i, j] = ((x + 1) * side - 1) / 2, ((y + 1) * side - 1) / 2
    padded = np.pad(image.numpy(), 1)  # ink fades out over the last half pixel
    return torch.from_numpy(ndimage.map_coordinates(padded, [rows + 1, columns + 1], order=1, mode="constant"))


def test_warp_is_bilinear_sampling() -> None:
    images = drawings(4, 9)
    affine = draw_affine(images, generator(1), 40.0, 0.5, 20.0, 0.3)
    displacement = draw_displacement(images, generator(2), 0.05)
    warped = warp(images, affine, displacement)
    for index in range(4):
        expected = by_scipy(images[index, 0], affine.matrix[index], affine.shift[index], displacement[index])
        assert torch.allclose(warped[index, 0], expected.float(), atol=1e-5)


def test_a_deformation_is_that_of_the_whole_batch() -> None:
    images = drawings(3, 9)
    deformed = deform(images, 30.0, 1.2, 0.9, 10.0, 0.1, -0.05)
    # Forwards, as said: stretched, slanted, turned, moved. SciPy wants to know where a pixel's ink comes from.
    angle, slant = math.radians(30.0), math.tan(math.radians(10.0))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    forwards = turn @ np.array([[1.0, slant], [0.0, 1.0]]) @ np.diag([1.2, 0.9])
    backwards = torch.from_numpy(np.linalg.inv(forwards))
    shift = -backwards @ torch.tensor([0.2, -0.1], dtype=torch.float64)
    for index in range(3):
        expected = by_scipy(images[index, 0], backwards, shift, torch.zeros(2, 9, 9))
        assert torch.allclose(deformed[index, 0], expected.float(), atol=1e-5)
    assert torch.allclose(deform(images, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0), images, atol=1e-6)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_quarter_turns_lose_nothing(turn: int) -> None:
    images = drawings()
    angle, zero = torch.full((6,), -turn * math.pi / 2), torch.zeros(6)  # y points down: rot90 turns the other way
    affine = inverse_affine(angle, torch.ones(6, 2), zero, torch.zeros(6, 2))
    assert torch.allclose(warp(images, affine), torch.rot90(images, turn, (2, 3)), atol=1e-4)


def test_shifts_move_by_their_part_of_the_side() -> None:
    images = drawings()
    shift = torch.tensor([[2 * 3 / 28, -2 * 2 / 28]]).repeat(6, 1)  # 3 pixels right, 2 up
    zero = torch.zeros(6)
    moved = warp(images, inverse_affine(zero, torch.ones(6, 2), zero, shift))
    assert torch.allclose(moved[:, :, :-2, 3:], images[:, :, 2:, :-3], atol=1e-4)
    assert moved[:, :, -2:].max() < 1e-4
    assert moved[..., :3].max() < 1e-4


def test_inverse_affine_undoes_the_map() -> None:
    numbers = torch.rand(5, 6, generator=generator(), dtype=torch.float64) - 0.5
    angle, slant, factors, shift = numbers[:, 0] * 3, numbers[:, 1], 1.5 + numbers[:, 2:4], numbers[:, 4:]
    affine = inverse_affine(angle, factors, slant, shift)
    for k in range(5):
        a, s = float(angle[k]), float(slant[k])
        turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
        forth = turn @ np.array([[1, math.tan(s)], [0, 1]]) @ np.diag(factors[k].numpy())
        assert np.allclose(affine.matrix[k].numpy(), np.linalg.inv(forth))
        assert np.allclose(affine.shift[k].numpy(), -np.linalg.inv(forth) @ shift[k].numpy())


def test_strokes_are_the_mixture_with_the_extreme_around() -> None:
    images, weight = drawings(5, 11), torch.tensor([-1.0, -0.3, 0.0, 0.4, 1.0])
    changed = change_stroke(images, weight)
    for image, w, result in zip(images[:, 0].numpy(), weight.tolist(), changed[:, 0].numpy(), strict=True):
        around = ndimage.maximum_filter if w > 0 else ndimage.minimum_filter
        expected = (1 - abs(w)) * image + abs(w) * around(image, 3, mode="nearest")
        assert np.allclose(result, expected, atol=1e-6)
