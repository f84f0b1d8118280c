"""Characters put together from two."""

import pytest
import torch

from episodic.drawings.omniglot.composites import composite_part
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.errors import InputError


def build_part(drawings: tuple[int, ...] = (3, 4, 3), size: int = 28) -> OmniglotPart:
    """Class c has one full column of ink in each drawing, of its own; its drawings lie apart."""
    labels = torch.arange(len(drawings)).repeat_interleave(torch.tensor(drawings))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    images = torch.zeros(len(labels), size, size, dtype=torch.uint8)
    for row, label in enumerate(labels.tolist()):
        images[row, 4:24, 6 + 8 * label] = 255
    names = [f"A/{index}" for index in range(len(drawings))]
    return OmniglotPart(images, labels, torch.zeros(len(drawings), dtype=torch.long), names, ["A"])


def test_each_composite_has_as_many_drawings_as_the_smallest_class() -> None:
    made = composite_part(build_part(), 5, seed=1)
    assert made.images.shape == (15, 28, 28)
    assert made.images.dtype == torch.uint8
    assert made.labels.tolist() == [label for label in range(5) for _ in range(3)]
    assert made.class_names[-1] == "composites/character00005"
    assert (made.alphabet_names, made.alphabets.tolist()) == (["composites"], [0] * 5)


def test_drawings_of_a_composite_share_their_layout_and_composites_differ() -> None:
    made = composite_part(build_part(), 20, seed=1).images.view(20, 3, 28, 28)
    assert torch.equal(made[:, 0], made[:, 1])  # the characters' own drawings are all alike here
    assert len({image.numpy().tobytes() for image in made[:, 0]}) == 20


def test_two_characters_are_in_it_as_dark_as_before() -> None:
    made = composite_part(build_part(), 40, seed=2).images[::3].float()
    columns = (made.amax(dim=1) > 80).sum(dim=1)  # with ink: a line of one pixel may fall between two
    assert made.flatten(1).amax(dim=1).min() > 90
    assert columns.float().mean() > 2  # two lines, now and then over each other
    # Nothing is lost at the frame: 20 pixels of ink in each character, narrowed and flattened at most to 0.55.
    assert made.sum(dim=(1, 2)).min() > 255 * 20 * 0.55


def test_more_composites_add_to_fewer_and_the_seed_decides() -> None:
    part = build_part()
    few, many, others = (composite_part(part, number, seed).images for number, seed in ((2, 3), (6, 3), (2, 4)))
    assert torch.equal(many[:6], few)
    assert not torch.equal(others, few)


def test_two_characters_are_needed() -> None:
    with pytest.raises(InputError, match="composite_classes is 1: 1 character is too few"):
        composite_part(build_part((4,)), 1, seed=0)
    with pytest.raises(InputError, match="composite_classes is 0: it must be greater than 0"):
        composite_part(build_part(), 0, seed=0)
