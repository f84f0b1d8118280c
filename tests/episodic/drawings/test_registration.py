"""Displacements between drawings: found by registration, turned, drawn again."""

from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.drawings.augmentation import augment, draw_affine, draw_displacement
from episodic.drawings.deformation import displacement_of, unmoved, warp
from episodic.drawings.registration import (
    KNOTS,
    Displacements,
    HandwritingVariation,
    bending,
    blurred,
    register,
    same_class_pairs,
    turned_displacements,
)
from episodic.errors import InputError
from tests.episodic.memory.memory_oracle import DEVICES


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def characters(count: int, side: int = 28) -> Tensor:
    """Drawings of two crossing strokes, `[count, 1, side, side]`."""
    images = torch.zeros(count, 1, side, side)
    for index, image in enumerate(images):
        image[0, 5 + index : 7 + index, 4 : side - 4] = 1
        image[0, 4 : side - 4, 8 + 2 * index : 10 + 2 * index] = 1
    return images


def moved(images: Tensor, knots: Tensor) -> Tensor:
    return warp(images, unmoved(images), displacement_of(knots, images.shape[-1]))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("side", [28, 35])
def test_a_displaced_drawing_is_found_again(side: int, device: str) -> None:
    images = characters(5, side).to(device)
    knots = 0.2 * torch.randn(5, 2, 1, 1, generator=generator()) + 0.04 * torch.randn(
        5, 2, KNOTS, KNOTS, generator=generator()
    )
    targets = moved(images, knots.to(device))
    found = register(images, targets)
    assert not found.requires_grad
    missed, before = (
        (blurred(part, 0.8) - blurred(targets, 0.8)).square().sum() for part in (moved(images, found), images)
    )
    assert missed < 0.15 * before


def test_a_pair_is_registered_alone_as_among_others() -> None:
    images = characters(4)
    together = register(images[:2], images[2:])
    alone = torch.cat([register(images[i : i + 1], images[i + 2 : i + 3]) for i in range(2)])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)


def test_equal_drawings_and_empty_ones_are_hardly_moved() -> None:
    images = torch.cat([characters(2), torch.zeros(1, 1, 28, 28)])
    assert register(images, images).abs().max() < 0.02
    assert register(images, torch.zeros_like(images)).isfinite().all()


def test_registration_works_where_gradients_are_off() -> None:
    images = characters(2)
    with torch.no_grad():
        found = register(images[:1], images[1:])
    assert found.abs().max() > 0.05


def test_affine_maps_do_not_bend() -> None:
    line = torch.linspace(-1, 1, KNOTS)
    y, x = torch.meshgrid(line, line, indexing="ij")
    affine = torch.stack([0.3 * x - 0.2 * y + 0.1, 0.5 * y + 0.4 * x])[None]
    assert bending(affine).item() < 1e-10
    twisted = torch.stack([x * y, 0 * x])[None]  # all second differences but the mixed one are 0
    step = 2 / (KNOTS - 1)
    torch.testing.assert_close(bending(twisted), torch.tensor([2 * (KNOTS - 1) ** 2 * step**4]))


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_displacement_does_the_same_to_a_turned_drawing(turns: int) -> None:
    images, knots = characters(3), 0.1 * torch.randn(3, 2, KNOTS, KNOTS, generator=generator())
    expected = torch.rot90(moved(images, knots), turns, dims=(2, 3))
    turned = turned_displacements(knots, torch.full((3,), turns))
    torch.testing.assert_close(moved(torch.rot90(images, turns, dims=(2, 3)), turned), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_drawn_was_found_up_to_turn_and_share(device: str) -> None:
    knots = torch.randn(3, 2, KNOTS, KNOTS, generator=generator(1))
    bank = Displacements(knots, 1.5)
    bank.to(torch.device(device))
    images = torch.zeros(400, 1, KNOTS, KNOTS, device=device)  # at this size, knots are pixels
    drawn = bank.sample(images, generator(2))
    assert torch.equal(bank.sample(images, generator(2)), drawn)
    assert drawn.device.type == device
    drawn = drawn.cpu().flatten(1)
    ways = torch.cat([turned_displacements(knots, torch.full((3,), turns)) for turns in range(4)]).flatten(1)
    cosines = torch.nn.functional.cosine_similarity(drawn.unsqueeze(1), ways, dim=2)
    closest = cosines.argmax(dim=1)
    assert closest.unique().tolist() == list(range(12))
    torch.testing.assert_close(cosines.amax(dim=1), torch.ones(400), atol=1e-4, rtol=0)
    shares = drawn.norm(dim=1) / ways[closest].norm(dim=1)
    assert shares.min() < 0.05
    assert 1.45 < shares.max() < 1.5 * 1.001


def test_augment_adds_a_displacement_to_its_own() -> None:
    images = characters(4)
    given = torch.full((4, 2, 28, 28), 2 / 28)  # ink comes from one pixel further right and down
    shifted = augment(images, generator(), given)
    torch.testing.assert_close(shifted[..., :-1, :-1], images[..., 1:, 1:], atol=1e-5, rtol=0)
    rng = generator()
    affine = draw_affine(images, rng, 0.0, 0.0, 0.0, 0.0)
    expected = warp(images, affine, given + draw_displacement(images, rng, 0.02))
    torch.testing.assert_close(augment(images, generator(), given, elastic=0.02), expected)


def test_pairs_are_of_one_class_and_of_different_drawings() -> None:
    labels = torch.tensor([3, 0, 1, 0, 3, 0, 7])
    first, second = same_class_pairs(labels, 3000, generator())
    assert torch.equal(labels[first], labels[second])
    assert (first != second).all()
    counts = torch.stack([first, second]).flatten().bincount(minlength=7)
    assert counts[[2, 6]].tolist() == [0, 0]  # alone in their classes
    assert counts[[0, 1, 3, 4, 5]].min() > 1000
    assert {(int(a), int(b)) for a, b in zip(first, second, strict=True)} >= {(1, 3), (3, 1), (1, 5), (5, 3), (0, 4)}


def test_variation_is_learned_from_drawings_of_the_same_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("episodic.drawings.registration.CHUNK", 4)
    images = (characters(3).squeeze(1) * 255).byte()
    bank = HandwritingVariation(pairs=6, strength=0.5).learn(images, torch.tensor([0, 1, 0]))
    first, second = (images[[row]].unsqueeze(1).float() / 255 for row in (0, 2))
    one, other = register(first, second)[0], register(second, first)[0]
    assert bank.strength == 0.5
    assert bank.knots.shape == (6, 2, KNOTS, KNOTS)
    for found in bank.knots:
        assert min((found - one).abs().max(), (found - other).abs().max()) < 1e-3
    again = HandwritingVariation(pairs=6, strength=0.5).learn(images, torch.tensor([0, 1, 0]))
    assert torch.equal(again.knots, bank.knots)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": 0}, "variation.pairs is 0"),
        ({"strength": -1.0}, "variation.strength is -1.0"),
        ({"strength": float("inf")}, "variation.strength is inf"),
    ],
)
def test_numbers_out_of_range_are_named(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        HandwritingVariation(**options)
    assert "\n" not in str(error.value)


def test_variation_needs_two_drawings_of_a_class() -> None:
    with pytest.raises(InputError, match=r"model\.variation needs two drawings or more of some training class"):
        HandwritingVariation().learn(torch.zeros(3, 28, 28).byte(), torch.arange(3))
