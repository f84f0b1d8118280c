"""What an embedder learns from: stored states, stored drawings, and two deformed views of one drawing."""

from typing import Any

import pytest
import torch

from episodic.agents.learning.examples import StoredDrawings, StoredStates
from episodic.errors import InputError
from tests.episodic.agents.stored import DRAWINGS, drawn, seeded, states, table

STROKES: Any = {"degrees": 20.0, "stroke": 1.0}


def test_states_are_drawn_with_their_labels() -> None:
    memory = states()
    inputs, labels = StoredStates(50).draw(memory, None, seeded())
    sources, of_sources = memory.sources[memory.occupied], memory.labels[memory.occupied]
    rows = [int((sources == one).all(dim=1).nonzero()) for one in inputs]
    assert of_sources[rows].tolist() == labels.tolist()
    assert len(set(rows)) > len(sources) / 2


def test_drawings_are_stored_ones_with_their_labels() -> None:
    memory, images = drawn(), table()
    drawings, labels = StoredDrawings(50).draw(memory, images, seeded())
    assert drawings.shape == (50, 1, 28, 28)
    rows = [int((drawing == images / 255).flatten(1).all(dim=1).nonzero()) for drawing in drawings]
    assert [row // DRAWINGS for row in rows] == labels.tolist()
    assert set(rows) <= set(memory.sources[memory.occupied].flatten().long().tolist())


def test_an_episode_is_a_drawing_at_two_glances() -> None:
    examples, images = StoredDrawings(24, "episode", {"stroke": 0.3}), table()
    drawings, labels = examples.draw(drawn(), images, seeded())
    assert labels.tolist() == [*range(12), *range(12)]
    stored, _ = StoredDrawings(12).draw(drawn(), images, seeded())
    for half in (drawings[:12], drawings[12:]):
        distances = (half.flatten(1).unsqueeze(1) - images.flatten(1) / 255).square().sum(dim=2)
        assert torch.equal(images[distances.argmin(dim=1)].unsqueeze(1) / 255, stored)
    assert all(not torch.equal(one, other) for one, other in zip(drawings[:12], drawings[12:], strict=True))
    again, _ = examples.draw(drawn(label=0), images, seeded())
    assert torch.equal(again, drawings), "no label is looked at"


def test_of_an_odd_number_one_is_left_out() -> None:
    assert len(StoredDrawings(5, "episode", STROKES).draw(drawn(), table(), seeded())[1]) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "learner.examples.count is 0"),
        ({"labels": "drawing"}, "learner.examples.labels is 'drawing'"),
        ({"augmentation": {"stroke": 2.0}}, "stroke is 2.0"),
        ({"labels": "episode"}, "learner.examples.augmentation is null"),
        ({"labels": "episode", "augmentation": {"degrees": 0.0}}, "learner.examples.augmentation is null"),
        ({"labels": "episode", "augmentation": STROKES, "count": 1}, "learner.examples.count is 1"),
    ],
    ids=str,
)
def test_bad_settings_are_named_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        StoredDrawings(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
