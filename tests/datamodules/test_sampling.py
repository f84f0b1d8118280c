"""Orders are pure functions of (seed, epoch, rank); ranks share the work without overlap."""

import pytest
import torch

from datamodules import sampling
from datamodules.sampling import EpochBlocks, EpochShuffle, ShardedIndices, rank_and_world
from episodic.errors import InputError


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    monkeypatch.setattr(sampling, "rank_and_world", lambda: (rank, world))


def shuffled(n: int, batch_size: int, seed: int = 0, epoch: int = 0) -> list[list[int]]:
    sampler = EpochShuffle(n, batch_size, seed)
    sampler.set_epoch(epoch)
    batches = [batch.tolist() for batch in sampler]
    assert len(sampler) == len(batches)
    return batches


def flat(batches: list[list[int]]) -> list[int]:
    return [index for batch in batches for index in batch]


def test_alone_unless_processes_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rank_and_world() == (0, 1)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    assert rank_and_world() == (2, 3)


def test_shuffle_is_a_function_of_seed_and_epoch() -> None:
    torch.manual_seed(1)
    first = shuffled(50, 7, seed=3, epoch=2)
    torch.manual_seed(2)
    assert shuffled(50, 7, seed=3, epoch=2) == first
    assert shuffled(50, 7, seed=3, epoch=1) != first
    assert shuffled(50, 7, seed=2, epoch=2) != first
    assert shuffled(50, 7, seed=2, epoch=3) != first


def test_an_epoch_is_full_batches_and_no_index_twice() -> None:
    batches = shuffled(50, 7)
    indices = flat(batches)
    assert [len(batch) for batch in batches] == [7] * 7
    assert len(set(indices)) == 49
    assert set(indices) <= set(range(50))
    assert indices != sorted(indices)


def test_whole_epochs_where_the_batch_divides() -> None:
    assert sorted(flat(shuffled(48, 8))) == list(range(48))


def test_fewer_items_than_a_batch_are_one_small_batch() -> None:
    (batch,) = shuffled(5, 8)
    assert sorted(batch) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("n", "world", "batch_size"), [(50, 3, 4), (47, 2, 8), (5, 4, 8), (64, 4, 4)])
def test_ranks_are_disjoint_and_equally_long(
    monkeypatch: pytest.MonkeyPatch, n: int, world: int, batch_size: int
) -> None:
    seen: list[int] = []
    lengths = set()
    for rank in range(world):
        as_rank(monkeypatch, rank, world)
        batches = shuffled(n, batch_size, seed=1, epoch=4)
        lengths.add(tuple(len(batch) for batch in batches))
        seen += flat(batches)
    assert len(lengths) == 1
    assert len(seen) == len(set(seen))
    assert len(seen) >= n - world * batch_size


def test_epoch_counts_when_the_first_batch_is_asked_for() -> None:
    sampler = EpochShuffle(50, 7)
    iterator = iter(sampler)  # Lightning makes it before it says which epoch a resumed run is in
    sampler.set_epoch(5)
    assert [batch.tolist() for batch in iterator] == shuffled(50, 7, epoch=5)


def test_impossible_shuffles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="batch_size is 0"):
        EpochShuffle(5, 0)
    with pytest.raises(InputError, match="n is 0"):
        EpochShuffle(0, 5)
    as_rank(monkeypatch, 0, 6)
    with pytest.raises(InputError, match="5 items for 6 processes"):
        EpochShuffle(5, 1)


def test_blocks_of_epochs_follow_one_another() -> None:
    sampler = EpochBlocks(4)
    seen = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        seen += list(sampler)
    assert seen == list(range(12))
    assert len(sampler) == 4


def test_blocks_depend_on_the_epoch_alone() -> None:
    sampler = EpochBlocks(4)
    iterator = iter(sampler)
    sampler.set_epoch(7)
    assert list(iterator) == [28, 29, 30, 31]
    assert list(sampler) == [28, 29, 30, 31]


def test_no_blocks_are_refused() -> None:
    with pytest.raises(InputError, match="blocks is 0"):
        EpochBlocks(0)


def test_shards_cover_everything_once_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(ShardedIndices(4)) == [0, 1, 2, 3]
    shards = []
    for rank in range(3):
        as_rank(monkeypatch, rank, 3)
        shards.append(list(ShardedIndices(11)))
        assert len(ShardedIndices(11)) == len(shards[-1])
    assert shards == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8]]


def test_a_rank_without_a_share_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 2, 3)
    assert list(ShardedIndices(2)) == []
    assert len(ShardedIndices(2)) == 0
