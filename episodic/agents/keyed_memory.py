"""An agent's memory: a store, and what it is keyed by."""

from collections.abc import Callable

from torch import Tensor, nn

from episodic.agents.keys import Keys
from episodic.errors import require
from episodic.memory.memory import Memory
from episodic.memory.store import Store
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.tasks.task import TaskSizes

#: Builds a store from (capacity, key size, value size).
MemoryFactory = Callable[[int, int, int], Store]
#: Tells the labels `[B]` of keys `[B, K]`.
Labeller = Callable[[Tensor], Tensor]


class KeyedMemory(nn.Module):
    """A store with its keys; `EpisodeMemory` reads and writes it during an episode.

    Args:
        store: of the keys that `keys` makes.
        keys: what the store is keyed by.
        sizes: of the task.
        embedder: makes the keys, where `keys.embedder` asks for one.
        labeller: predicts the labels of stacks, where `keys.labels` asks for it.

    Raises:
        InputError: predicted labels without a labeller, or of a store that does not go by label.

    >>> from episodic.memory import EpisodicMemory
    >>> from episodic.tasks import BarcodeBandit
    >>> KeyedMemory(EpisodicMemory(100, 10, 50), Keys(), BarcodeBandit().sizes).store.capacity
    100
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        sizes: TaskSizes,
        embedder: HiddenStateEmbedder | None = None,
        labeller: Labeller | None = None,
    ) -> None:
        super().__init__()
        predicted = keys.labels == "predicted"
        require(
            not predicted or labeller is not None,
            "keys.labels is 'predicted': this needs keys.embedder and, with a learner, the softmax objective",
        )
        require(
            not predicted or store.by_label,
            f"keys.labels is 'predicted': the memory must be a StackMemory without match_above, "
            f"not {type(store).__name__}",
        )
        self.keys, self.sizes = keys, sizes
        self.embedder, self.store = embedder, store
        self.labeller = labeller if predicted else None

    def searches_each_step(self, steps: int) -> bool:
        """Whether more than one step of an episode searches by its own query."""
        return self.keys.changing and self.keys.read_at == "every" and steps > 1


def build_store(memory: MemoryFactory, keys: Keys, sizes: TaskSizes, key_size: int, hidden_size: int) -> Store:
    """Build the store of keys of length `key_size`, with a slot for each key of a block unless `keys` says otherwise.

    Raises:
        InputError: see the store; a capacity for a store without slots.
    """
    stored = len(keys.stored_steps(sizes.steps)) if sizes.writes == 1 else sizes.writes
    capacity = sizes.episodes * stored if keys.capacity is None else keys.capacity
    store = memory(capacity, key_size, hidden_size)
    require(
        keys.capacity is None or isinstance(store, Memory),
        f"keys.capacity is {keys.capacity}: a {type(store).__name__} has no slots, set it to null",
    )
    return store
