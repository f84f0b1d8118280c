"""Each drawing is deformed in its own way, within its strengths; SciPy and plain loops do the same, slowly."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.drawings.augmentation import KNOTS, augment, draw_affine, draw_displacement
from episodic.drawings.deformation import Affine, warp
from episodic.errors import InputError
from tests.episodic.memory.memory_oracle import DEVICES

STRENGTHS: dict[str, Any] = {
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
        ({"degrees": -1.0}, "degrees is -1.0: it must lie between 0 and 180"),
        ({"scale": 5.0}, "scale is 5.0"),
        ({"shear": 90.0}, "shear is 90.0: it must lie between 0 and 80"),
        ({"translate": -0.1}, "translate is -0.1"),
        ({"stroke": 1.5}, "stroke is 1.5: it must lie between 0 and 1"),
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
