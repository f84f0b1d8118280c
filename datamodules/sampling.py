"""The order in which data is met: a pure function of (seed, epoch, rank), so a resume needs the epoch alone.

Lightning calls `set_epoch` on a loader's sampler at the start of each epoch, but makes the first iterator
before that call. So every `__iter__` here is a generator: it looks at the epoch when its first item is asked
for, and a resumed run starts with its own epoch's order and not with that of epoch 0.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from episodic.errors import require, require_positive


def rank_and_world() -> tuple[int, int]:
    """This process's rank and the number of processes; (0, 1) where nothing is distributed."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def epoch_permutation(n: int, seed: int, epoch: int) -> Tensor:
    """The order of `n` items in an epoch, `[n]` long: the same on every rank."""
    # SeedSequence keeps (1, 0) and (0, 1) apart, and neighbouring seeds unrelated.
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    return torch.randperm(n, generator=generator)


class EpochShuffle(Sampler[Tensor]):
    """Batches of shuffled indices, `[batch_size]` long each: a new order every epoch, no index twice in one.

    Every rank yields the same number of batches. All are full (a remainder waits for another epoch's order,
    since a batch of one would break batch normalisation), unless there are too few indices for one.

    Args:
        n: number of items.
        batch_size: indices in a batch of one rank.
        seed: of the run.

    Raises:
        InputError: a number that is not positive; fewer items than ranks.
    """

    def __init__(self, n: int, batch_size: int, seed: int = 0) -> None:
        require_positive(n=n, batch_size=batch_size)
        world = rank_and_world()[1]
        require(n >= world, f"{n} items for {world} processes: at least one for each is needed")
        self.n, self.batch_size, self.seed, self.epoch = n, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration belongs to."""
        self.epoch = epoch

    def __len__(self) -> int:
        return max(1, self.n // rank_and_world()[1] // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        rank, world = rank_and_world()
        order = epoch_permutation(self.n, self.seed, self.epoch)
        # Without the cut the first ranks could hold an index more, and one batch more, than the others.
        mine = order[: self.n // world * world][rank::world]
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield mine[start : start + self.batch_size]


class FirstBatches(Sampler[Tensor]):
    """The first batches of each epoch of another order: an epoch ends early, and the next one has a new order.

    Args:
        order: an `EpochShuffle` or the like, which has `set_epoch`.
        batches: at most so many of each epoch; the same on every rank.

    Raises:
        InputError: `batches` is not positive.
    """

    def __init__(self, order: Sampler[Tensor], batches: int) -> None:
        require_positive(batches=batches)
        self.order, self.batches = order, batches

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration belongs to."""
        self.order.set_epoch(epoch)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return min(self.batches, len(self.order))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Tensor]:
        yield from islice(self.order, self.batches)


class EpochBlocks(Sampler[int]):
    """Indices `epoch * blocks` to `epoch * blocks + blocks - 1`: blocks that no other epoch has.

    Args:
        blocks: indices in an epoch; the same on every rank.

    Raises:
        InputError: `blocks` is not positive.
    """

    def __init__(self, blocks: int) -> None:
        require_positive(blocks=blocks)
        self.blocks, self.epoch = blocks, 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration belongs to."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.blocks

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.blocks
        yield from range(first, first + self.blocks)


class ShardedIndices(Sampler[int]):
    """Indices `rank, rank + world, ...` below `n`, in order: each on exactly one rank, for evaluation.

    Args:
        n: number of items; ranks may differ by one in how many they get.
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
