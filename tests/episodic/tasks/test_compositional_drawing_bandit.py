"""The compositional bandit with drawings: each class is a character, and no drawing of it returns within a block."""

from typing import Any

import pytest
import torch

from episodic.errors import InputError
from episodic.tasks import CompositionalBandit, CompositionalDrawingBandit
from episodic.tasks.blocks import BlockSpec

TABLE: dict[str, Any] = {"characters": 20, "drawings": 7, "pixels": 9}


def draw(seed: int = 0, stored: str = "both", cue: str = "drawing", noise: float = 0.0) -> BlockSpec:
    task = CompositionalDrawingBandit(
        classes=8, exposures=5, stored=stored, cue=cue, bits=12, distance=2, noise=noise, **TABLE
    )
    return task.draw_block(6, seed)


def rows(spec: BlockSpec) -> torch.Tensor:
    assert spec.drawings is not None
    return spec.drawings


@pytest.mark.parametrize("stored", ["both", "queried"])
def test_each_episode_of_a_class_shows_another_drawing(stored: str) -> None:
    spec = draw(stored=stored)
    assert rows(spec).shape == (20, 5, 6)
    assert spec.cues.shape == (20, 6, 0)
    for b in range(6):
        characters: dict[int, int] = {}
        shown: dict[int, set[int]] = {}
        for e in range(20):
            for position in (0, 1):
                steps = [t for t in range(5) if int(spec.rules.attended[e, t, b]) == position]
                if not steps:
                    continue
                row, label = int(rows(spec)[e, steps[0], b]), int(spec.rules.classes[e, b, position])
                assert {int(rows(spec)[e, t, b]) for t in steps} == {row}, "one drawing at each position"
                assert characters.setdefault(label, row // 7) == row // 7
                assert row not in shown.setdefault(label, set())
                shown[label].add(row)
            assert spec.labels[e, b] == rows(spec)[e, 0, b] // 7
        assert len(set(characters.values())) == len(characters)
        assert len(characters) == 8 or stored == "queried"
        assert stored == "queried" or all(len(drawings) == 5 for drawings in shown.values())


def test_stored_labels_are_those_of_the_last_drawings() -> None:
    spec = draw()
    assert spec.key_labels is not None
    assert torch.equal(spec.key_labels.squeeze(3), rows(spec)[:, -2:] // 7)


def test_rules_and_luck_are_those_of_barcodes() -> None:
    barcodes = CompositionalBandit(classes=8, exposures=5)
    one, other = barcodes.draw_block(6, seed=0), draw()
    assert all(torch.equal(*pair) for pair in zip(one.rules, other.rules, strict=True))
    drawings = CompositionalDrawingBandit(classes=8, exposures=5, **TABLE)
    assert torch.equal(barcodes.ideal_rewards(one), drawings.ideal_rewards(other))


@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_characters_may_have_barcodes(noise: float) -> None:
    spec, shown = draw(cue="barcode", noise=noise), draw()
    task = CompositionalDrawingBandit(classes=8, cue="barcode", bits=12, distance=2, **TABLE)
    assert spec.drawings is None
    assert torch.equal(spec.labels, shown.labels)
    codes = task.codes()[rows(shown) // 7]
    assert (spec.cues != codes).sum(dim=-1).unique().tolist() == [12 * noise]
    assert spec.queries is not None
    assert torch.equal(spec.queries, spec.cues[:, :1])


def test_too_few_drawings_or_characters_are_refused() -> None:
    with pytest.raises(InputError, match=r"^exposures is 8: each exposure needs another drawing .* there are 7$"):
        CompositionalDrawingBandit(classes=8, exposures=8, **TABLE)
    with pytest.raises(InputError, match=r"^classes is 22: there are only 20 characters$"):
        CompositionalDrawingBandit(classes=22, **TABLE)
