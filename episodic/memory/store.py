"""The interface of a memory, with or without slots."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from episodic.memory.recall import Recall


class Store(nn.Module, ABC):
    """A key-value store for each environment of a batch: cleared by `reset`, written by `write`, searched by `read`.

    `Memory` keeps its memories in slots, `DeltaMemory` in one matrix.
    """

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Number of environments B that the store was reset for; 0 before the first `reset`."""

    @property
    def by_label(self) -> bool:
        """Whether a write finds its slot by label: every write then needs a label or a stack number."""
        return False

    @property
    def wants_returns(self) -> bool:
        """Whether a write needs the return of its episode."""
        return True

    @abstractmethod
    def reset(self, batch_size: int) -> None:
        """Forget everything, for `batch_size` environments."""

    @abstractmethod
    def write(
        self,
        key: Tensor,
        value: Tensor,
        label: Tensor | None = None,
        returns: Tensor | None = None,
        *,
        source: Tensor | None = None,
        stack: Tensor | None = None,
    ) -> None:
        """Store one memory in each environment; see `Memory.write`."""

    @abstractmethod
    def read(self, query: Tensor) -> Recall:
        """Recall by query `[B, K]`."""
