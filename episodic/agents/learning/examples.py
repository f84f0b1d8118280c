"""What an embedder learns from while its agent plays: what the memory holds."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from episodic.drawings.augmentation import Augmentation, augment, require_strengths
from episodic.drawings.embedding_cache import as_floats
from episodic.errors import require, require_choice, require_positive
from episodic.memory.memory import Memory
from episodic.memory.sampling import draw_stored

LABELS = ("context", "episode")


class Examples(ABC):
    """A source of examples.

    Args:
        count: examples in an update.

    Raises:
        InputError: a count that is not positive.
    """

    def __init__(self, count: int) -> None:
        require_positive(**{"learner.examples.count": count})
        self.count = count

    @abstractmethod
    def draw(self, memory: Memory, images: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw inputs `[M, ...]` of an embedder, and their labels `[M]` long.

        Args:
            memory: keeps the sources of its keys, and holds something.
            images: the drawings `[N, S, S]` uint8 whose rows the sources are, if there are any.
            generator: on the CPU.
        """


class StoredStates(Examples):
    """Learn from the stored states, or other sources of the keys, with their labels.

    Args:
        count: examples in an update.
    """

    def __init__(self, count: int = 256) -> None:
        super().__init__(count)

    def draw(self, memory: Memory, images: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return draw_stored(memory, self.count, generator)


class StoredDrawings(Examples):
    """Learn from the drawings in the memories, each deformed at random.

    Args:
        count: examples in an update.
        labels: which drawings form a class: those of a `context`; or, without labels, those of the same `episode`: two
            deformed views of one drawing. There are then no lasting classes, so only the triplet objective works.
        augmentation: how strongly the drawings are deformed at random; None leaves them unchanged.

    Raises:
        InputError: a number out of its range, unknown labels, views that are all the same.
    """

    def __init__(self, count: int = 256, labels: str = "context", augmentation: Augmentation | None = None) -> None:
        super().__init__(count)
        require_choice("learner.examples.labels", labels, LABELS)
        self.labels: str = labels
        self.augmentation: Augmentation = augmentation or {}
        require_strengths(**self.augmentation)
        if labels == "episode":
            require(count >= 2, f"learner.examples.count is {count}: labels 'episode' take two of each drawing")
            require(
                any(self.augmentation.values()),
                "learner.examples.augmentation is null: labels 'episode' need drawings that differ between views",
            )

    def draw(self, memory: Memory, images: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Deformed drawings `[M, 1, S, S]` and their labels `[M]` long."""
        assert images is not None
        glances = 2 if self.labels == "episode" else 1
        sources, labels = draw_stored(memory, self.count // glances, generator)
        rows = sources.squeeze(1).long().repeat(glances)
        if glances > 1:
            labels = torch.arange(len(labels), device=labels.device)
        drawings = as_floats(images[rows.to(images.device)].to(labels.device))
        return augment(drawings, generator, **self.augmentation), labels.repeat(glances)
