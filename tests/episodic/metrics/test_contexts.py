"""The figures of embedded states against loops, and what they leave out."""

import pytest
import torch
from torch import Tensor

from episodic.metrics import contexts as module
from episodic.metrics.contexts import (
    EmbeddedStates,
    by_pull_and_exposure,
    context_metrics,
    find_contexts,
    some_episodes,
)
from episodic.metrics.retrieval import retrieval_metrics

CONTEXTS, EPISODES, PULLS = 4, 12, 3


def states(noise: float = 0.7, episodes: int = EPISODES) -> EmbeddedStates:
    """Episodes of some contexts; the states of an episode are nearly the same."""
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(episodes) % CONTEXTS
    label[:2] = torch.tensor([7, 8])  # contexts that come once
    points = torch.randn(9, 5, generator=generator)[label] + noise * torch.randn(episodes, 5, generator=generator)
    points = points.repeat_interleave(PULLS, dim=0) + 0.01 * torch.randn(episodes * PULLS, 5, generator=generator)
    labels = label.repeat_interleave(PULLS)
    wrong = torch.rand(len(labels), generator=generator) < 0.4
    pulls = torch.arange(1, PULLS + 1).repeat(episodes)
    exposures = torch.randint(1, 3, (episodes,), generator=generator).repeat_interleave(PULLS)
    return EmbeddedStates(points.double(), labels, pulls, exposures, torch.where(wrong, labels + 1, labels))


def by_loop(s: EmbeddedStates) -> dict[int, int]:
    """The label that the nearest state of another episode has, by row, where its context is met again."""
    unit = s.embeddings / s.embeddings.norm(dim=1, keepdim=True)
    episode, found = [row // PULLS for row in range(len(unit))], {}
    for query in range(len(unit)):
        others = [row for row in range(len(unit)) if episode[row] != episode[query]]
        if any(s.labels[row] == s.labels[query] for row in others):
            found[query] = int(s.labels[max(others, key=lambda row: float(unit[query] @ unit[row]))])
    return found


def test_contexts_are_looked_for_in_other_episodes() -> None:
    s = states()
    expected, found = by_loop(s), find_contexts(s)
    assert dict(zip(found.rows.tolist(), found.labels.tolist(), strict=True)) == expected
    assert len(expected) == len(s.labels) - 2 * PULLS
    assert 0.2 < sum(s.labels[row] == label for row, label in expected.items()) / len(expected) < 0.95


def test_recall_and_accuracy_are_told_by_pull_and_exposure() -> None:
    s = states()
    nearest, found = by_loop(s), context_metrics(s, classified=True)
    right = {
        "recall_at_1": {row: label == int(s.labels[row]) for row, label in nearest.items()},
        "accuracy": {row: bool(s.predicted[row] == s.labels[row]) for row in range(len(s.labels))},
    }
    for name, rows in right.items():
        assert found[name].item() == pytest.approx(sum(rows.values()) / len(rows))
        for kind, numbers, most in (("pull", s.pulls, PULLS), ("exposure", s.exposures, 2)):
            for number in range(1, most + 1):
                some = [hit for row, hit in rows.items() if int(numbers[row]) == number]
                assert found[f"{name}_{kind}_{number:02d}"].item() == pytest.approx(sum(some) / len(some))
    assert found["map_at_r"] == retrieval_metrics(s.embeddings, s.labels, s.episodes)["map_at_r"]
    assert not [name for name in context_metrics(s, classified=False) if name.startswith("accuracy")]


def test_similarities_are_of_states_of_different_episodes() -> None:
    s = states()
    unit = s.embeddings / s.embeddings.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    apart = s.episodes.unsqueeze(1) != s.episodes
    same = s.labels.unsqueeze(1) == s.labels
    found = context_metrics(s, classified=False)
    # Pairs are drawn at random: every state as often, and with each of its partners as often.
    shares = [(same & apart).double(), (~same & apart).double()]
    weight = shares[0] / same.sum(dim=1, keepdim=True)
    assert found["similarity_same"].item() == pytest.approx(float((weight * cosines).sum() / weight.sum()), abs=0.02)
    expected = float((shares[1] * cosines).sum() / shares[1].sum())
    assert found["similarity_different"].item() == pytest.approx(expected, abs=0.02)
    assert 0.6 < found["separation"] < 1


def test_contexts_far_apart_are_perfect() -> None:
    labels = torch.arange(4).repeat(3).repeat_interleave(2)
    pulls = torch.tensor([1, 2]).repeat(12)
    s = EmbeddedStates(torch.eye(4)[labels], labels, pulls, torch.ones_like(pulls), labels)
    found = {name: value.item() for name, value in context_metrics(s, classified=True).items()}
    assert found.pop("similarity_different") == 0.0
    assert set(found.values()) == {1.0}
    assert {"recall_at_1_pull_02", "accuracy_exposure_01", "separation", "map_at_r"} <= set(found)


def test_whole_episodes_are_taken_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    s = states(episodes=50)
    assert some_episodes(s, 150) is s
    some = some_episodes(s, 31)
    assert len(some.labels) == 10 * PULLS
    assert some.pulls.tolist() == [1, 2, 3] * 10
    assert all(torch.equal(one, two) for one, two in zip(some, some_episodes(s, 31), strict=True))
    rows = [int((s.embeddings == row).all(dim=1).nonzero()) for row in some.embeddings]
    assert rows == sorted(rows)
    monkeypatch.setattr(module, "STATES", 31)
    assert context_metrics(s, True)["recall_at_1"] == context_metrics(some, True)["recall_at_1"]
    assert len(some_episodes(s, 1).labels) == PULLS


def nothing(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.long)


def test_what_cannot_be_told_is_left_out() -> None:
    assert context_metrics(EmbeddedStates(torch.zeros(0, 3), *[nothing(0)] * 4), classified=True) == {}
    alone = EmbeddedStates(torch.eye(3), nothing(3), torch.arange(1, 4), nothing(3) + 1, nothing(3))
    assert {name.split("_")[0] for name in context_metrics(alone, classified=True)} == {"accuracy"}
    once = alone._replace(labels=torch.arange(3), pulls=nothing(3) + 1)
    assert context_metrics(once, classified=False) == {}


def test_pulls_that_are_missing_have_no_figure() -> None:
    right, pulls = torch.tensor([True, False, True]), torch.tensor([1, 3, 3])
    found = by_pull_and_exposure("accuracy", right, pulls, torch.tensor([2, 2, 2]))
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {"accuracy": 2 / 3, "accuracy_pull_01": 1.0, "accuracy_pull_03": 0.5, "accuracy_exposure_02": 2 / 3}
    )
