"""Batches of P classes and K items: no item twice, no class twice in a batch, as many batches as can be."""

import itertools
from collections import Counter
from functools import cache

import pytest
import torch
from torch import Tensor

from datamodules import sampling
from datamodules.class_batches import ClassBatches, EpisodeBatches, deal, most_batches
from episodic.errors import InputError

EVEN = torch.arange(12).repeat_interleave(20)[torch.randperm(240, generator=torch.Generator().manual_seed(0))]
UNEVEN = torch.tensor([7] * 30 + [2] * 5 + [-1] * 9 + [4] * 3 + [5] * 4 + [9] * 14)


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    monkeypatch.setattr(sampling, "rank_and_world", lambda: (rank, world))


def batches_of(sampler: ClassBatches, epoch: int = 0) -> list[list[int]]:
    sampler.set_epoch(epoch)
    batches = [batch.tolist() for batch in sampler]
    assert len(sampler) == len(batches)
    return batches


def most_by_trying(groups: list[int], classes: int) -> int:
    """The most batches, by trying each choice of classes for the first one."""

    @cache
    def best(left: tuple[int, ...]) -> int:
        there = [index for index, count in enumerate(left) if count]
        choices = itertools.combinations(there, classes)
        rests = (tuple(sorted(n - (i in chosen) for i, n in enumerate(left))) for chosen in choices)
        return max((1 + best(rest) for rest in rests), default=0)

    return best(tuple(sorted(groups)))


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_as_many_batches_as_can_be(classes: int) -> None:
    for groups in itertools.combinations_with_replacement(range(1, 5), 4):
        assert most_batches(torch.tensor(groups), classes) == most_by_trying(list(groups), classes), groups
    assert most_batches(torch.tensor([50, 1, 1]), 2) == 2


@pytest.mark.parametrize(
    ("labels", "classes", "per_class"), [(EVEN, 5, 3), (EVEN, 12, 20), (UNEVEN, 3, 3), (UNEVEN, 2, 1)]
)
def test_batches_keep_the_rules(labels: Tensor, classes: int, per_class: int) -> None:
    for epoch in range(3):
        batches = batches_of(ClassBatches(labels, classes, per_class), epoch)
        assert batches
        seen = [index for batch in batches for index in batch]
        assert len(seen) == len(set(seen))
        for batch in batches:
            found = labels[batch].view(classes, per_class)
            assert (found == found[:, :1]).all()
            assert len(set(found[:, 0].tolist())) == classes


def test_an_epoch_is_everything_where_it_divides() -> None:
    batches = batches_of(ClassBatches(EVEN, 4, 5))
    assert sorted(index for batch in batches for index in batch) == list(range(240))


def test_what_is_left_out_changes() -> None:
    sampler = ClassBatches(EVEN, 5, 3)  # 6 groups of each class, 2 items left; 14 batches of the 72
    seen = [{index for batch in batches_of(sampler, epoch) for index in batch} for epoch in range(10)]
    assert all(len(indices) == 14 * 15 for indices in seen)
    assert set.union(*seen) == set(range(240))


def test_batches_are_functions_of_seed_and_epoch() -> None:
    torch.manual_seed(1)
    first = batches_of(ClassBatches(EVEN, 4, 5, seed=3), 2)
    torch.manual_seed(2)
    assert batches_of(ClassBatches(EVEN, 4, 5, seed=3), 2) == first
    assert batches_of(ClassBatches(EVEN, 4, 5, seed=3), 1) != first
    assert batches_of(ClassBatches(EVEN, 4, 5, seed=2), 2) != first


def test_epoch_counts_when_the_first_batch_is_asked_for() -> None:
    sampler = ClassBatches(EVEN, 4, 5)
    iterator = iter(sampler)
    sampler.set_epoch(5)
    assert [batch.tolist() for batch in iterator] == batches_of(ClassBatches(EVEN, 4, 5), 5)


def test_classes_meet_one_another_evenly() -> None:
    met: Counter[tuple[int, ...]] = Counter()
    sampler = ClassBatches(EVEN, 3, 4)
    for epoch in range(200):
        for batch in batches_of(sampler, epoch):
            met.update(itertools.combinations(sorted(EVEN[batch[::4]].tolist()), 2))
    expected = 200 * 20 * 3 / 66
    assert len(met) == 66
    assert max(abs(count - expected) for count in met.values()) < 0.35 * expected


def test_within_an_epoch_a_class_meets_several() -> None:
    # Dealt out in order and unshuffled, classes that met once would meet in all batches of the epoch.
    batches = batches_of(ClassBatches(torch.arange(100).repeat_interleave(20), 10, 4))
    together = Counter(
        pair for batch in batches for pair in itertools.combinations(sorted(i // 20 for i in batch[::4]), 2)
    )
    assert max(together.values()) < 5
    assert len(together) > 1500  # of 50 x 45 meetings


def test_dealing_keeps_crossing_classes_apart() -> None:
    owner = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5])  # rows of 4: classes 1 and 2 or 3 go on
    for seed in range(20):
        shuffle = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
        order = deal(owner, 4, shuffle)
        assert sorted(order.flatten().tolist()) == list(range(12))
        assert all(len(set(column)) == 3 for column in owner[order].T.tolist())


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_are_disjoint_and_equally_long(monkeypatch: pytest.MonkeyPatch, world: int) -> None:
    everything = batches_of(ClassBatches(EVEN, 5, 3), 1)
    shards = []
    for rank in range(world):
        as_rank(monkeypatch, rank, world)
        shards.append(batches_of(ClassBatches(EVEN, 5, 3), 1))
    assert {len(shard) for shard in shards} == {14 // world}
    assert [batch for together in zip(*shards, strict=True) for batch in together] == everything[: 14 // world * world]


def test_episodes_begin_with_their_support() -> None:
    episodes = batches_of(EpisodeBatches(EVEN, ways=5, shots=2, queries=3), 1)
    assert len(episodes) == 9  # of 48 groups
    for episode in episodes:
        support, queries = EVEN[episode[:10]].view(5, 2), EVEN[episode[10:]].view(5, 3)
        assert len(set(support[:, 0].tolist())) == 5
        assert (support == support[:, :1]).all()
        assert (queries == support[:, :1]).all()
        assert len(set(episode)) == 25


@pytest.mark.parametrize(
    ("classes", "per_class", "message"),
    [
        (0, 5, "classes is 0"),
        (5, 0, "per_class is 0"),
        (13, 5, "a batch needs 13 classes of 5 items: there are 12 classes"),
        (5, 21, "a batch needs 21 items of each class: the smallest class has 20"),
    ],
)
def test_impossible_batches_are_refused(classes: int, per_class: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ClassBatches(EVEN, classes, per_class)
    assert "\n" not in str(error.value)


def test_no_items_are_refused() -> None:
    with pytest.raises(InputError, match="there are 0 classes"):
        ClassBatches(torch.empty(0, dtype=torch.long), 1, 1)


def test_impossible_episodes_are_refused() -> None:
    with pytest.raises(InputError, match="a batch needs 21 items of each class: the smallest class has 20"):
        EpisodeBatches(EVEN, 5, 6, 15)
    for numbers in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(InputError, match="is 0"):
            EpisodeBatches(EVEN, *numbers)


def test_a_batch_for_each_rank_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 0, 2)
    with pytest.raises(InputError, match="1 batches for 2 processes"):
        ClassBatches(EVEN, 12, 20)
