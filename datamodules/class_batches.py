"""Batches of P classes with K items each, for losses over pairs and triplets, and episodes of N ways and K shots.

As in `datamodules.sampling`, the order is a pure function of (seed, epoch, rank), and the epoch is read when the first
batch is requested.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from datamodules import sampling
from episodic.errors import require, require_positive

#: Permutations of an epoch: of the items, the classes, the columns and the batches.
ITEMS, CLASSES, COLUMNS, BATCHES, STREAMS = range(5)


def require_batches(batch_size: int, per_class: int | None = None, shots: int | None = None) -> None:
    """Raise `InputError` unless batches of whole classes can be made, and episodes of these.

    >>> require_batches(64, per_class=5)
    Traceback (most recent call last):
    episodic.errors.InputError: batch_size is 64: it must be a multiple of per_class, 5
    """
    given = {"batch_size": batch_size, "per_class": per_class, "shots": shots}
    require_positive(**{name: number for name, number in given.items() if number is not None})
    if per_class is None:
        require(shots is None, f"shots is {shots}: episodes need per_class as well, the items of each class")
        return
    require(batch_size % per_class == 0, f"batch_size is {batch_size}: it must be a multiple of per_class, {per_class}")
    require(
        shots is None or shots < per_class,
        f"shots is {shots}: it must be smaller than per_class, {per_class}, so that queries are left",
    )


def training_order(
    labels: Tensor, batch_size: int, per_class: int | None, shots: int | None, seed: int
) -> "sampling.EpochShuffle | ClassBatches":
    """Choose the order of training batches: shuffled, by class, or as episodes.

    Args:
        labels: Class of every item, `[N]`.
        batch_size: Items in a batch of one rank.
        per_class: Items of each class in a batch; None shuffles.
        shots: Items of each class in the support; None makes no episodes.
        seed: Seed of the run.

    >>> type(training_order(torch.arange(4) // 2, 4, 2, None, seed=0)).__name__
    'ClassBatches'
    """
    if per_class is None:
        return sampling.EpochShuffle(len(labels), batch_size, seed)
    ways = batch_size // per_class
    if shots is None:
        return ClassBatches(labels, ways, per_class, seed)
    return EpisodeBatches(labels, ways, shots, per_class - shots, seed)


class ClassBatches(Sampler[Tensor]):
    """Batches of indices, `[P * K]` long each: K items of one class, then K of another, and so on, P different classes.

    No index occurs twice in an epoch, and an epoch has as many batches as these two rules allow. The remaining items
    change from epoch to epoch. Every rank yields the same number of batches.

    Args:
        labels: Class of every item, `[N]`.
        classes: Classes P in a batch.
        per_class: Items K of each class.
        seed: Seed of the run.

    Raises:
        InputError: A number is not positive; there are fewer than P classes or fewer batches than ranks; a class has
            fewer than K items.

    >>> labels = torch.tensor([0, 0, 1, 1, 2, 2])
    >>> [labels[batch].tolist() for batch in ClassBatches(labels, classes=3, per_class=2)]
    [[1, 1, 2, 2, 0, 0]]
    """

    def __init__(self, labels: Tensor, classes: int, per_class: int, seed: int = 0) -> None:
        require_positive(classes=classes, per_class=per_class)
        _, self.owner, self.counts = torch.unique(labels.cpu(), return_inverse=True, return_counts=True)
        available, smallest = len(self.counts), int(self.counts.min()) if len(labels) else 0
        require(
            classes <= available,
            f"a batch needs {classes} classes of {per_class} items: there are {available} classes",
        )
        require(
            per_class <= smallest,
            f"a batch needs {per_class} items of each class: the smallest class has {smallest}",
        )
        self.classes, self.per_class, self.seed, self.epoch = classes, per_class, seed, 0
        self.batches = most_batches(self.counts // per_class, classes)
        world = sampling.rank_and_world()[1]
        require(
            self.batches >= world, f"there are {self.batches} batches for {world} processes: each process needs one"
        )

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches // sampling.rank_and_world()[1]

    def __iter__(self) -> Iterator[Tensor]:
        rank, world = sampling.rank_and_world()
        groups, owner = self._groups()
        order = deal(owner, self.batches, self._permutation(len(groups), COLUMNS))  # [P, batches]
        batches = groups[order.T[self._permutation(self.batches, BATCHES)]]  # [batches, P, K]
        yield from self._ordered(batches[: len(self) * world][rank::world]).unbind()

    def _permutation(self, n: int, stream: int) -> Tensor:
        return sampling.epoch_permutation(n, self.seed, STREAMS * self.epoch + stream)

    def _groups(self) -> tuple[Tensor, Tensor]:
        """Return the epoch's groups of items `[P * batches, K]` and their classes `[P * batches]`, sorted by class."""
        items, rank = self._permutation(len(self.owner), ITEMS), self._permutation(len(self.counts), CLASSES)
        items = items[rank[self.owner[items]].argsort(stable=True)]
        order = rank.argsort()  # the classes in this epoch's order
        counts = self.counts[order]
        within = torch.arange(len(items)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        taken = (counts // self.per_class).clamp(max=self.batches)  # groups of each class
        chosen = within < (taken * self.per_class).repeat_interleave(counts)
        total = self.classes * self.batches
        return items[chosen].view(-1, self.per_class)[:total], order.repeat_interleave(taken)[:total]

    def _ordered(self, batches: Tensor) -> Tensor:
        """Flatten batches `[n, P, K]` to `[n, P * K]`."""
        return batches.flatten(1)


class EpisodeBatches(ClassBatches):
    """Episodes of N ways and K shots: the first `ways * shots` indices of a batch are the support, the rest queries.

    Both are sorted by class in the same order: `[ways, shots]`, then `[ways, queries]`.

    Args:
        labels: Class of every item, `[N]`.
        ways: Classes in an episode.
        shots: Items of each class in the support.
        queries: Items of each class in the queries.
        seed: Seed of the run.

    Raises:
        InputError: A number is not positive; there are fewer classes than ways or fewer episodes than ranks; a class
            has fewer items than shots and queries.

    >>> labels = torch.tensor([0, 0, 0, 1, 1, 1])
    >>> [labels[batch].tolist() for batch in EpisodeBatches(labels, ways=2, shots=1, queries=2)]
    [[1, 0, 1, 1, 0, 0]]
    """

    def __init__(self, labels: Tensor, ways: int, shots: int, queries: int, seed: int = 0) -> None:
        require_positive(ways=ways, shots=shots, queries=queries)
        super().__init__(labels, ways, shots + queries, seed)
        self.shots = shots

    def _ordered(self, batches: Tensor) -> Tensor:
        return torch.cat([batches[..., : self.shots].flatten(1), batches[..., self.shots :].flatten(1)], dim=1)


def most_batches(groups: Tensor, classes: int) -> int:
    """Compute the largest number of batches of P different classes if class c has `groups[c]` groups, `[C]`.

    This is the largest b with sum_c min(groups_c, b) >= P b, since a class serves each batch at most once; `deal`
    constructs the batches.

    >>> most_batches(torch.tensor([3, 1, 1]), classes=2)
    2
    """
    ordered = groups.sort().values
    below = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    batches = torch.arange(1, int(groups.sum()) // classes + 1)
    fewer = torch.searchsorted(ordered, batches, right=True)
    served = below[fewer] + batches * (len(ordered) - fewer)
    return int((served >= classes * batches).sum())  # concave in b: it holds from 1 up to the answer


def deal(owner: Tensor, batches: int, shuffle: Tensor) -> Tensor:
    """Deal groups out to batches so that no batch gets two of a class: `[P, batches]` indices of groups.

    The groups fill P rows of `batches` columns. Adjacent groups of one class are in different columns, since there
    are at most `batches` of them. Each row is then shuffled, except for classes that continue in the next row.

    Args:
        owner: Class of each group, `[P * batches]`; groups of a class are adjacent, at most `batches` of them.
        batches: Number of batches.
        shuffle: A permutation of the groups, `[P * batches]`.

    >>> deal(torch.tensor([0, 0, 1, 2]), 2, torch.arange(4)).tolist()
    [[0, 1], [2, 3]]
    """
    last, first = owner[batches - 1 : -1 : batches], owner[batches::batches]  # of a row and of the one below
    free = (~torch.isin(owner, last[last == first])).nonzero().squeeze(1)
    rows = free // batches
    order = torch.arange(len(owner))
    order[free] = free[(rows * len(owner) + shuffle[free]).argsort()]
    return order.view(-1, batches)
