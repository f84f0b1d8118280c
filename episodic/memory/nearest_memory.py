"""Reading by the nearest keys: the part that the append memory and the stack memory share."""

import torch
from torch import Tensor, nn

from episodic.errors import require
from episodic.memory.checks import check_vectors
from episodic.memory.kernels import KERNELS
from episodic.memory.memory import Memory
from episodic.memory.native_slots import native_recall
from episodic.memory.neighbours import just_under, newest_nearest
from episodic.memory.recall import EMPTY, Recall
from episodic.memory.stacks import Stacks
from episodic.memory.weights import Neighbours


class NearestMemory(Memory):
    """A memory whose reads mix the values of the k nearest keys.

    Label and slot of a recall are those of the nearest key, or -1 where the weights of all keys sum to less than 1/2.

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        kernel: `cosine`, `l2` or `l1`.
        threshold: lowest similarity that is recalled; None always recalls the nearest key.
        neighbours: how many nearest keys a read mixes, and by which weights.
        slack: keys at most this much less similar than the nearest count as equally near, so that the newest wins.
        stacks: rules of the stacks; None gives every write a slot.

    Raises:
        InputError: a number out of range, more neighbours than slots, slack with several neighbours.
    """

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        kernel: str,
        threshold: float | None,
        neighbours: Neighbours,
        slack: float,
        stacks: Stacks | None = None,
    ) -> None:
        super().__init__(capacity, key_size, value_size, kernel=kernel, threshold=threshold, stacks=stacks)
        count = neighbours.count
        require(count <= capacity, f"neighbours is {count}: it must be at most the capacity, {capacity}")
        require(slack >= 0, f"slack is {slack}: it must be 0 or more")
        require(slack == 0 or count == 1, f"slack is {slack} with neighbours {count}: slack needs neighbours 1")
        self.neighbours, self.slack = count, slack
        neighbours.check_kernel(kernel)
        self.mixing, self.weighting, self.temperature = neighbours, neighbours.weighting, neighbours.temperature
        self.query_projection = nn.Linear(key_size, key_size, bias=False) if neighbours.learned_query else None
        if self.query_projection is not None:
            nn.init.eye_(self.query_projection.weight)

    def read(self, query: Tensor) -> Recall:
        """Recall by query `[B, K]`.

        With several neighbours the value has a gradient to the query and to a learned projection. The gradient stays
        right if the memory changes before it is computed.

        Raises:
            InputError: a query of a wrong shape or dtype, or a read before `reset`.
        """
        check_vectors("query", query, self.keys)
        if self.neighbours == 1 and (recall := native_recall(self, query, self.slack)) is not None:
            return recall
        if self.query_projection is not None:
            query = self.query_projection(query)
        with torch.no_grad():
            slots, nearest = newest_nearest(self.similarity(query), self.written, self.neighbours, self.slack)
            recalled = nearest > float("-inf")
            if self.threshold is not None:
                recalled &= nearest >= just_under(self.threshold)
            if self.stacks is not None:
                self.stacks.touch(slots, recalled)
        rows = self._rows(slots).flatten()
        values = self.values.view(-1, self.value_size).index_select(0, rows)  # [B * k, V]
        if self.neighbours == 1:
            value = values * recalled
        else:
            weights = self._weights(query, rows, nearest, recalled)
            value = (weights.unsqueeze(1) @ values.view(*slots.shape, -1)).squeeze(1)
            # A posterior may leave most of the weight to no memory at all.
            recalled = recalled[:, :1] & (weights.detach().sum(dim=1, keepdim=True) >= 0.5)
            slots, nearest = slots[:, :1], nearest[:, :1]
        missing = ~recalled
        label = self.labels.gather(1, slots).masked_fill_(missing, EMPTY)
        slot = slots.masked_fill(missing, EMPTY)
        return Recall(value, label.squeeze(1), nearest.squeeze(1), slot.squeeze(1))

    def _weights(self, query: Tensor, rows: Tensor, nearest: Tensor, recalled: Tensor) -> Tensor:
        """Weights `[B, k]` of the neighbours, differentiable by the query if it has a gradient."""
        if query.requires_grad and torch.is_grad_enabled():
            # Once more, only for the neighbours and from copies: a write may come before the backward pass.
            keys = self.keys.view(-1, self.key_size).index_select(0, rows).view(*nearest.shape, -1)
            scales = self.key_scales.view(-1).index_select(0, rows).view(nearest.shape)
            nearest = KERNELS[self.kernel](query, keys, scales)
        return self.mixing.weights(nearest, recalled, self.kernel, self.key_size)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, neighbours={self.neighbours}, slack={self.slack:g}"
