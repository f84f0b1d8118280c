"""The stack memory: one slot for each task."""

from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.stacks import Stacks, StackTable
from episodic.memory.weights import Neighbours


class StackMemory(NearestMemory):
    """Keep one slot for each label, however often it is written; recall the value of the most similar key.

    A second write to a label updates its slot by the rules `key_update` and `value_update`. With `match_above` no label
    is needed: a write goes to the slot of the nearest key if that is similar enough. A new label takes a free slot or,
    otherwise that of the least recently used one, where both reads and writes count as use.

    >>> import torch
    >>> memory = StackMemory(capacity=50, key_size=2, value_size=1, update="mean")
    >>> memory.reset(batch_size=1)
    >>> key, label = torch.tensor([[1.0, 0.0]]), torch.tensor([3])
    >>> memory.write(key, torch.tensor([[5.0]]), label)
    >>> memory.write(key, torch.tensor([[7.0]]), label)
    >>> memory.read(key).value, int(memory.occupied.sum())
    (tensor([[6.]]), 1)

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        update: rule for a second write, for keys and values: `latest`, `average`, `mean`, `ema` or `best_return`; see
            `episodic.memory.updates`.
        key_update: rule for keys; None takes `update`.
        value_update: rule for values; None takes `update`.
        update_rate: weight of the new memory under the rule `ema`.
        match_above: a write goes to the slot of the nearest key if that is at least this similar, else to a new slot;
            None goes by label.
        kernel: `cosine`, `l2` or `l1`; the last two are negative distances.
        neighbours: number of nearest keys whose values a read mixes, or `Neighbours(count, weighting, temperature,
            learned_query)`; label and slot are those of the nearest.
        threshold: lowest similarity that is recalled; None always recalls the nearest key.
        slack: keys at most this much less similar than the nearest count as equally near, so that the newest wins.
            Needs a single neighbour.

    Raises:
        InputError: a number out of range, an unknown name, options that exclude each other.
    """

    stacks: StackTable

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        update: str = "latest",
        key_update: str | None = None,
        value_update: str | None = None,
        update_rate: float = 0.5,
        match_above: float | None = None,
        kernel: str = "cosine",
        neighbours: int | Neighbours = 1,
        threshold: float | None = None,
        slack: float = 0.0,
    ) -> None:
        super().__init__(
            capacity,
            key_size,
            value_size,
            kernel=kernel,
            threshold=threshold,
            neighbours=neighbours if isinstance(neighbours, Neighbours) else Neighbours(neighbours),
            slack=slack,
            stacks=Stacks(update, key_update, value_update, update_rate, match_above),
        )
        self.match_above = match_above
