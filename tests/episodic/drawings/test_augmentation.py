"""Each drawing is deformed in its own way, within its strengths; SciPy and plain loops do the same, slowly."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from episodic.drawings.augmentation import (
    KNOTS,
    Affine,
    augment,
    change_stroke,
    deform,
    draw_affine,
    draw_displacement,
    inverse_affine,
    warp,
)
from episodic.errors import InputError
from tests.episodic.memory.memory_oracle import DEVICES

STRENGTHS: dict[str, float] = {
    "degrees": 20.0,
    "scale": 0.3,
    "shear": 15.0,
    "translate": 0.1,
    "stroke": 1.0,
    "elastic": 0.03,
}


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


def decomposed(affine: Affine) -> dict[str, Tensor]:
    """Angle, slant, factors and shift of the maps that `affine` undoes."""
    forth = torch.linalg.inv(affine.matrix)
    angle = torch.atan2(forth[:, 1, 0], forth[:, 0, 0])
    cos, sin = angle.cos(), angle.sin()
    height = -sin * forth[:, 0, 1] + cos * forth[:, 1, 1]
    across = cos * forth[:, 0, 1] + sin * forth[:, 1, 1]
    shift = -(forth @ affine.shift.unsqueeze(2)).squeeze(2)
    return {
        "degrees": angle.rad2deg(),
        "shear": (across / height).atan().rad2deg(),
        "scale": torch.stack([forth[:, :, 0].norm(dim=1), height]).log() / math.log(1.3),
        "translate": shift / 2,
    }


def test_strengths_are_reached_and_kept_to() -> None:
    images = torch.zeros(4000, 1, 1, 1)
    found = decomposed(draw_affine(images, generator(), 20.0, 0.3, 15.0, 0.1))
    limits = {"degrees": 20.0, "shear": 15.0, "scale": 1.0, "translate": 0.1}
    for name, limit in limits.items():
        values = found[name].flatten()
        assert values.abs().max() <= limit * 1.0001
        assert values.min() < -0.98 * limit
        assert values.max() > 0.98 * limit
        assert values.mean().abs() < 0.05 * limit
    width, height = found["scale"]
    assert torch.corrcoef(torch.stack([width, height, found["degrees"], found["shear"]])).triu(1).abs().max() < 0.06


def test_displacements_are_smooth_and_as_strong_as_said() -> None:
    images = torch.zeros(3000, 1, 29, 29)
    displacement = draw_displacement(images, generator(), 0.05) / 2
    assert displacement.shape == (3000, 2, 29, 29)
    knots = displacement[:, :, :: 28 // (KNOTS - 1), :: 28 // (KNOTS - 1)]
    assert abs(float(knots.std()) - 0.05) < 0.001
    steps = displacement.diff(dim=3)
    assert float(steps.std()) < 0.3 * float(displacement.std())  # neighbours move together
    assert abs(float(torch.corrcoef(displacement[:, :, 10, 10].T)[0, 1])) < 0.06


def test_strokes_are_the_mixture_with_the_extreme_around() -> None:
    images, weight = drawings(5, 11), torch.tensor([-1.0, -0.3, 0.0, 0.4, 1.0])
    changed = change_stroke(images, weight)
    for image, w, result in zip(images[:, 0].numpy(), weight.tolist(), changed[:, 0].numpy(), strict=True):
        around = ndimage.maximum_filter if w > 0 else ndimage.minimum_filter
        expected = (1 - abs(w)) * image + abs(w) * around(image, 3, mode="nearest")
        assert np.allclose(result, expected, atol=1e-6)


def test_without_strength_nothing_changes() -> None:
    images = drawings()
    assert torch.equal(augment(images), images)
    assert torch.allclose(warp(images, still(6), torch.zeros(6, 2, 28, 28)), images, atol=1e-5)


@pytest.mark.parametrize("name", STRENGTHS)
def test_every_strength_changes_every_drawing_in_its_own_way(name: str) -> None:
    image = drawings(1)
    changed = augment(image.repeat(8, 1, 1, 1), generator(), **{name: STRENGTHS[name]})
    assert changed.shape == (8, 1, 28, 28)
    for index in range(8):
        assert not torch.allclose(changed[index], image[0], atol=1e-3)
        assert all(not torch.allclose(changed[index], changed[other], atol=1e-3) for other in range(index))


@pytest.mark.parametrize("device", DEVICES)
def test_ink_stays_ink(device: str) -> None:
    images = torch.cat([torch.ones(20, 1, 28, 28), drawings(20)]).to(device)
    before = images.clone()
    changed = augment(images, generator(), **STRENGTHS)
    assert changed.device == images.device
    assert torch.equal(images, before)
    assert changed.min() >= 0.0
    assert changed.max() <= 1.0
    expected = augment(before.cpu(), generator(), **STRENGTHS)
    assert torch.allclose(changed.cpu(), expected, atol=1e-3)


def test_the_generator_says_it_all() -> None:
    images = drawings()
    torch.manual_seed(1)
    first = augment(images, generator(3), **STRENGTHS)
    torch.manual_seed(2)
    assert torch.equal(augment(images, generator(3), **STRENGTHS), first)
    assert not torch.equal(augment(images, generator(4), **STRENGTHS), first)
    torch.manual_seed(5)
    own = augment(images, None, **STRENGTHS)
    assert torch.equal(augment(images, generator(5), **STRENGTHS), own)


def test_autocast_moves_no_pixel() -> None:
    images = drawings()
    expected = augment(images, generator(3), **STRENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment(images, generator(3), **STRENGTHS), expected)


def test_few_bits_are_enough_for_the_images() -> None:
    images = drawings()
    expected = augment(images, generator(3), **STRENGTHS)
    changed = augment(images.bfloat16(), generator(3), **STRENGTHS)
    assert changed.dtype == torch.bfloat16
    assert torch.allclose(changed.float(), expected, atol=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degrees": -1.0}, "degrees is -1.0: it has to lie between 0 and 180"),
        ({"scale": 5.0}, "scale is 5.0"),
        ({"shear": 90.0}, "shear is 90.0: it has to lie between 0 and 80"),
        ({"translate": -0.1}, "translate is -0.1"),
        ({"stroke": 1.5}, "stroke is 1.5: it has to lie between 0 and 1"),
        ({"elastic": math.nan}, "elastic is nan"),
    ],
)
def test_bad_strengths_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        augment(drawings(), **changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 28, 28), (2, 1, 28, 27)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="images have shape"):
        augment(torch.zeros(shape))


def test_an_empty_batch_stays_one() -> None:
    assert augment(torch.zeros(0, 1, 28, 28), generator(), **STRENGTHS).shape == (0, 1, 28, 28)
