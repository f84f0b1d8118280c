"""The order of data: a pure function of (seed, epoch, rank), so a resume needs only the epoch and the batch.

Lightning calls `set_epoch` on a loader's sampler at the start of each epoch, but creates the first iterator before
that call. Every `__iter__` here is therefore a generator: it reads the epoch when its first item is requested, so a
resumed run starts with its own epoch's order and not with that of epoch 0.
"""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from episodic.errors import require, require_positive

Batch = TypeVar("Batch")


def run_seed() -> int:
    """Return the run's seed, which `seed_everything` stores in the environment; 0 without one.

    >>> isinstance(run_seed(), int)
    True
    """
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))


class ResumableLoader(DataLoader[Batch]):
    """A loader that knows its position in an epoch, so that a training can continue inside it.

    >>> loader = ResumableLoader(range(4), batch_size=None)
    >>> batches = iter(loader)
    >>> next(batches), next(batches), loader.state_dict()
    (0, 1, {'batches': 2})
    >>> loader.load_state_dict({"batches": 3})
    >>> list(loader), list(loader)
    ([3], [0, 1, 2, 3])
    """

    _batches = _first = 0  # yielded in this epoch; left out of the next iteration

    def state_dict(self) -> dict[str, Any]:
        """Return the number of batches yielded in this epoch."""
        return {"batches": self._batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Start the next iteration after as many batches."""
        self._batches = self._first = int(state_dict["batches"])

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        self._batches = self._first
        return self._from_first(super().__iter__())

    def _from_first(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        # Read with the first batch: an iterator may be older than the state that is loaded.
        self._batches, self._first = self._first, 0
        for batch in islice(batches, self._batches, None):
            self._batches += 1
            yield batch


def batch_loader(dataset: Dataset[Batch], order: Sampler[Tensor] | Sampler[list[int]]) -> ResumableLoader[Batch]:
    """Build a loader whose sampler yields the indices of whole batches.

    There are no workers: cutting a batch from memory is faster than receiving it from another process.
    """
    return ResumableLoader(dataset, batch_size=None, sampler=order)


def rank_and_world() -> tuple[int, int]:
    """Return this process's rank and the number of processes; (0, 1) in a single process.

    >>> rank_and_world()
    (0, 1)
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def epoch_permutation(n: int, seed: int, epoch: int) -> Tensor:
    """Return the order of `n` items in an epoch, `[n]` long, the same on every rank.

    >>> epoch_permutation(5, seed=0, epoch=0).tolist()
    [2, 1, 0, 3, 4]
    """
    # SeedSequence keeps (1, 0) and (0, 1) apart, and neighbouring seeds unrelated.
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    return torch.randperm(n, generator=generator)


class EpochShuffle(Sampler[Tensor]):
    """Batches of shuffled indices, `[batch_size]` long each: a new order every epoch, no index twice in an epoch.

    Every rank yields the same number of batches. All batches are full, because a batch of one would break batch
    normalisation; a remainder is left out until another epoch's order. A single batch may be smaller.

    Args:
        n: Number of items.
        batch_size: Indices in a batch of one rank.
        seed: Seed of the run.

    Raises:
        InputError: A number is not positive, or there are fewer items than ranks.

    >>> [batch.tolist() for batch in EpochShuffle(5, 2)]
    [[2, 1], [0, 3]]
    """

    def __init__(self, n: int, batch_size: int, seed: int = 0) -> None:
        require_positive(n=n, batch_size=batch_size)
        world = rank_and_world()[1]
        require(n >= world, f"there are {n} items for {world} processes: each process needs one")
        self.n, self.batch_size, self.seed, self.epoch = n, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, self.n // rank_and_world()[1] // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        rank, world = rank_and_world()
        order = epoch_permutation(self.n, self.seed, self.epoch)
        # Cut to a multiple of the ranks, so that no rank has an index more than the others, and so a batch more.
        mine = order[: self.n // world * world][rank::world]
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield mine[start : start + self.batch_size]


class FirstBatches(Sampler[Tensor]):
    """The first batches of each epoch of another order: epochs end early, and each has a new order.

    Args:
        order: A sampler with `set_epoch`, such as `EpochShuffle`.
        batches: Largest number of batches in an epoch, the same on every rank.

    Raises:
        InputError: `batches` is not positive.

    >>> [batch.tolist() for batch in FirstBatches(EpochShuffle(5, 2), 1)]
    [[2, 1]]
    """

    def __init__(self, order: Sampler[Tensor], batches: int) -> None:
        require_positive(batches=batches)
        self.order, self.batches = order, batches

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.order.set_epoch(epoch)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return min(self.batches, len(self.order))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Tensor]:
        yield from islice(self.order, self.batches)


class EpochBlocks(Sampler[int]):
    """Indices `epoch * blocks` to `epoch * blocks + blocks - 1`: every epoch has its own blocks.

    Args:
        blocks: Indices in an epoch, the same on every rank.

    Raises:
        InputError: `blocks` is not positive.

    >>> order = EpochBlocks(2)
    >>> order.set_epoch(3)
    >>> list(order)
    [6, 7]
    """

    def __init__(self, blocks: int) -> None:
        require_positive(blocks=blocks)
        self.blocks, self.epoch = blocks, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.blocks

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.blocks
        yield from range(first, first + self.blocks)


class ShardedIndices(Sampler[int]):
    """Indices `rank, rank + world, ...` below `n` in order, for evaluation: each index is on exactly one rank.

    Args:
        n: Number of items; the ranks' shares may differ by one.

    >>> list(ShardedIndices(3))
    [0, 1, 2]
    """

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return len(range(*self._bounds()))

    def __iter__(self) -> Iterator[int]:
        yield from range(*self._bounds())

    def _bounds(self) -> tuple[int, int, int]:
        rank, world = rank_and_world()
        return rank, self.n, world
