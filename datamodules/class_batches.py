"""Batches of P classes with K items each, for losses over pairs and triplets, and episodes of N ways and K shots.

As in `datamodules.sampling`, what is met is a pure function of (seed, epoch, rank), and the epoch is looked at when the
first batch is asked for.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from datamodules import sampling
from episodic.errors import require, require_positive

#: Permutations that an epoch draws: of the items, the classes, the columns and the batches.
ITEMS, CLASSES, COLUMNS, BATCHES, STREAMS = range(5)


class ClassBatches(Sampler[Tensor]):
    """Batches of indices, `[P * K]` long each: K items of one class, K of another, ..., all classes different.

    No index comes twice in an epoch, and an epoch has as many batches as these two rules allow; what is left over
    changes from epoch to epoch. Every rank yields the same number of batches.

    Args:
        labels: class of every item, `[N]`.
        classes: P, classes in a batch.
        per_class: K, items of each.
        seed: of the run.

    Raises:
        InputError: a number that is not positive; fewer than P classes; a class of fewer than K items; fewer batches
            than ranks.
    """

    def __init__(self, labels: Tensor, classes: int, per_class: int, seed: int = 0) -> None:
        require_positive(classes=classes, per_class=per_class)
        _, self.owner, self.counts = torch.unique(labels.cpu(), return_inverse=True, return_counts=True)
        available, smallest = len(self.counts), int(self.counts.min()) if len(labels) else 0
        require(
            classes <= available,
            f"{classes} classes of {per_class} items are wanted in a batch: there are {available} classes",
        )
        require(
            per_class <= smallest,
            f"{per_class} items of each class are wanted in a batch: the smallest class has {smallest}",
        )
        self.classes, self.per_class, self.seed, self.epoch = classes, per_class, seed, 0
        self.batches = most_batches(self.counts // per_class, classes)
        world = sampling.rank_and_world()[1]
        require(self.batches >= world, f"{self.batches} batches for {world} processes: at least one for each is needed")

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration belongs to."""
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
        """The epoch's groups of items `[P * batches, K]` and their classes `[P * batches]`, class after class."""
        items, place = self._permutation(len(self.owner), ITEMS), self._permutation(len(self.counts), CLASSES)
        items = items[place[self.owner[items]].argsort(stable=True)]
        order = place.argsort()  # the classes as they come
        counts = self.counts[order]
        within = torch.arange(len(items)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        taken = (counts // self.per_class).clamp(max=self.batches)  # groups of each class
        chosen = within < (taken * self.per_class).repeat_interleave(counts)
        total = self.classes * self.batches
        return items[chosen].view(-1, self.per_class)[:total], order.repeat_interleave(taken)[:total]

    def _ordered(self, batches: Tensor) -> Tensor:
        """Batches `[n, P, K]` as `[n, P * K]`."""
        return batches.flatten(1)


class EpisodeBatches(ClassBatches):
    """Episodes of N ways and K shots: the first `ways * shots` indices of a batch are the support, the rest queries.

    Both go class by class in the same order: `[ways, shots]`, then `[ways, queries]`.

    Args:
        labels: class of every item, `[N]`.
        ways: classes in an episode.
        shots: items of each class in the support.
        queries: items of each class that are asked for.
        seed: of the run.

    Raises:
        InputError: a number that is not positive; fewer classes than ways; a class of fewer items than shots and
            queries; fewer episodes than ranks.
    """

    def __init__(self, labels: Tensor, ways: int, shots: int, queries: int, seed: int = 0) -> None:
        require_positive(ways=ways, shots=shots, queries=queries)
        super().__init__(labels, ways, shots + queries, seed)
        self.shots = shots

    def _ordered(self, batches: Tensor) -> Tensor:
        return torch.cat([batches[..., : self.shots].flatten(1), batches[..., self.shots :].flatten(1)], dim=1)


def most_batches(groups: Tensor, classes: int) -> int:
    """How many batches of P different classes can be made where class c gives at most `groups[c]` times, `[C]`.

    The largest b for which sum_c min(groups_c, b) >= P b: a class serves each batch at most once, and where that many
    are to be had `deal` shows how.
    """
    ordered = groups.sort().values
    below = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    batches = torch.arange(1, int(groups.sum()) // classes + 1)
    fewer = torch.searchsorted(ordered, batches, right=True)
    served = below[fewer] + batches * (len(ordered) - fewer)
    return int((served >= classes * batches).sum())  # concave in b: it holds from 1 up to the answer


def deal(owner: Tensor, batches: int, shuffle: Tensor) -> Tensor:
    """Deal groups out to batches so that none gets two of a class -> `[P, batches]` indices of groups.

    Laid in rows as wide as there are batches, groups of one class stand in different columns: they follow one
    another, and are no more than the columns. Each row is then shuffled, but for classes that go on in the next row.

    Args:
        owner: class of each group, `[P * batches]`; groups of a class follow one another, at most `batches` of them.
        batches: number of batches.
        shuffle: a permutation of the groups, `[P * batches]`.
    """
    last, first = owner[batches - 1 : -1 : batches], owner[batches::batches]  # of a row and of the one below
    free = (~torch.isin(owner, last[last == first])).nonzero().squeeze(1)
    rows = free // batches
    order = torch.arange(len(owner))
    order[free] = free[(rows * len(owner) + shuffle[free]).argsort()]
    return order.view(-1, batches)
