"""One-shot classification within alphabets: every drawn run checked and answered again by a loop."""

from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.metrics import within_alphabet
from episodic.metrics.few_shot import classified_right
from episodic.metrics.within_alphabet import within_alphabet_error
from tests.episodic.memory.memory_oracle import DEVICES

DRAWERS = 4
#: Four alphabets, numbered 1, 2, 5 and 6, of 5, 3, 4 and 2 characters; the characters of the third come first.
ALPHABETS = torch.tensor([5, 5, 5, 5, 1, 1, 1, 1, 1, 2, 2, 2, 6, 6])


def drawings(noise: float = 0.8) -> tuple[Tensor, Tensor]:
    """Embeddings and labels of all characters, in mixed order but for the drawers of each."""
    order = torch.randperm(len(ALPHABETS), generator=torch.Generator().manual_seed(0))
    labels = torch.cat([order, order.flip(0), order, order])  # a drawer after the other
    centres = torch.randn(len(ALPHABETS), 4, generator=torch.Generator().manual_seed(1)).double()
    spread = torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(2)).double()
    return centres[labels] + noise * spread, labels


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("device", DEVICES)
def test_every_run_is_of_one_alphabet_and_two_drawers(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def recorded(support: Tensor, query: Tensor, metric: str) -> Tensor:
        seen.append((support.cpu(), query.cpu()))
        return classified_right(support, query, metric)

    monkeypatch.setattr(within_alphabet, "classified_right", recorded)
    monkeypatch.setattr(within_alphabet, "RUNS", 7)
    points, labels = drawings()
    found = within_alphabet_error(points.to(device), labels, ALPHABETS, ways=4, runs=10, generator=seeded())
    assert found.alphabets.tolist() == [1, 5]
    assert found.errors.shape == (2, 10)
    assert 0.1 < found.errors.mean() < 0.9
    support, query = (torch.cat(parts).squeeze(2).tolist() for parts in zip(*seen, strict=True))
    row = {tuple(point): index for index, point in enumerate(points.tolist())}
    used = set()
    for run, (examples, asked) in enumerate(zip(support, query, strict=True)):
        rows, questions = [row[tuple(one)] for one in examples], [row[tuple(one)] for one in asked]
        characters = [int(labels[index]) for index in rows]
        assert [int(labels[index]) for index in questions] == characters
        assert len(set(characters)) == 4
        assert {int(ALPHABETS[one]) for one in characters} == {1 if run < 10 else 5}
        (drawer,), (other,) = ({index // len(ALPHABETS) for index in part} for part in (rows, questions))
        assert drawer != other
        used |= {(drawer, other)}
        wrong = 0
        for way, one in enumerate(asked):
            near = [torch.cosine_similarity(torch.tensor(one), torch.tensor(two), dim=0) for two in examples]
            wrong += near.index(max(near)) != way
        assert float(found.errors.flatten()[run]) == pytest.approx(wrong / 4)
    assert len(used) > 6  # of the 12 pairs of drawers


def test_characters_far_apart_are_never_mistaken() -> None:
    labels = torch.arange(len(ALPHABETS)).repeat(DRAWERS)
    found = within_alphabet_error(torch.eye(len(ALPHABETS))[labels], labels, ALPHABETS, ways=2)
    assert found.alphabets.tolist() == [1, 2, 5, 6]
    assert found.errors.tolist() == [[0.0] * 20] * 4


def test_of_two_characters_that_coincide_one_is_mistaken() -> None:
    labels = torch.arange(5).repeat(DRAWERS)
    points = torch.eye(4, dtype=torch.float64)[labels.clamp_max(3)]
    found = within_alphabet_error(points, labels, torch.zeros(5).long(), ways=5, runs=3)
    assert found.errors.flatten().tolist() == pytest.approx([0.2] * 3)


def test_drawings_that_tell_only_who_drew_them_are_at_chance() -> None:
    labels = torch.arange(6).repeat(DRAWERS)
    who = torch.arange(DRAWERS).repeat_interleave(6)
    found = within_alphabet_error(torch.eye(DRAWERS)[who], labels, torch.zeros(6).long(), ways=6, runs=30)
    torch.testing.assert_close(found.errors, torch.full((1, 30), 5 / 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ways": 6}, "ways is 6: .* and 5 characters are in the largest alphabet"),
        ({"ways": 1}, "ways is 1"),
        ({"runs": 0}, "runs is 0"),
        ({"alphabets": ALPHABETS[:-1]}, r"alphabets have shape \(13,\): labels lie between 0 and 13"),
        ({"alphabets": ALPHABETS.view(2, 7)}, r"alphabets have shape \(2, 7\)"),
        ({"labels": torch.cat([torch.zeros(1).long(), drawings()[1][1:]])}, "labels name between 3 and 5 drawings"),
        ({"labels": torch.arange(56)}, "labels name between 1 and 1 drawings"),
        ({"embeddings": torch.ones(0, 2), "labels": torch.ones(0).long()}, "there are no embeddings"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], message: str) -> None:
    points, labels = drawings()
    options = {"embeddings": points, "labels": labels, "alphabets": ALPHABETS, "ways": 4, **change}
    with pytest.raises(InputError, match=message) as caught:
        within_alphabet_error(**options)
    assert "\n" not in str(caught.value)
