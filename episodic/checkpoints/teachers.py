"""Trained embedders of drawings that teach another one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.checkpoints.embedders import load_embedder
from episodic.drawings.symmetries import TURNS
from episodic.errors import InputError, require, require_positive
from episodic.networks.image_embedder import ImageEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder


class TeacherEnsemble:
    """Frozen embedders that judge together how similar drawings are.

    They are no part of the student: neither its parameters nor its checkpoint contain them.

    Args:
        embedders: the teachers, in evaluation mode.
        turns: quarter turns in which each teacher sees a drawing.
    """

    def __init__(self, embedders: Sequence[ImageEmbedder], turns: int = 1) -> None:
        self.embedders, self.turns = list(embedders), turns

    def to(self, device: torch.device) -> None:
        """Move the teachers to a device."""
        for embedder in self.embedders:
            embedder.to(device)

    @torch.no_grad()
    def similarity(self, drawings: Tensor) -> Tensor:
        """Return the mean over teachers and turns of the cosines between drawings `[B, 1, S, S]`: `[B, B]`.

        It equals the cosines of the ensemble whose embedding is all these embeddings side by side.
        """
        views = [torch.rot90(drawings, turn, dims=(2, 3)) for turn in range(self.turns)]
        embeddings = [embedder.embed(view) for embedder in self.embedders for view in views]
        joined = torch.cat(embeddings, dim=1).float()
        with torch.autocast(drawings.device.type, enabled=False):
            return joined @ joined.T / len(embeddings)


@dataclass(frozen=True)
class Teachers:
    """Checkpoints of encoders whose similarities another encoder learns; see `episodic.objectives.distillation_loss`.

    Args:
        checkpoints: paths of checkpoints, or names of shipped encoders. Their networks may differ from the student's,
            in the size of their drawings too. They are read when the training starts, or starts again.
        weight: factor of the distillation loss beside the student's objectives.
        turns: quarter turns in which each teacher sees a drawing, 1 to 4: more make better teachers for more work.

    Raises:
        InputError: there is no checkpoint, or a number is out of range.

    >>> Teachers(["omniglot_encoder"], turns=2).load().similarity(torch.rand(3, 1, 28, 28)).shape
    torch.Size([3, 3])
    """

    checkpoints: list[str]
    weight: float = 1.0
    turns: int = 1

    def __post_init__(self) -> None:
        require(bool(self.checkpoints), "teachers.checkpoints is empty: name one checkpoint or more")
        require_positive(**{"teachers.weight": self.weight})
        require(0 < self.turns <= TURNS, f"teachers.turns is {self.turns}: it must be 1 to {TURNS}")

    def load(self) -> TeacherEnsemble:
        """Read the checkpoints.

        Raises:
            InputError: see `load_embedder`; a checkpoint's encoder does not embed drawings.
        """
        return TeacherEnsemble([_teacher(path) for path in self.checkpoints], self.turns)


def _teacher(path: str) -> ImageEmbedder:
    embedder = load_embedder(path)
    if not isinstance(embedder, ImageEmbedder):
        raise InputError(f"teachers.checkpoints holds {path}, a {type(embedder).__name__}: it does not embed drawings")
    if isinstance(embedder, OmniglotEmbedder):
        embedder.views = False  # the drawings of a training are deformed already
        embedder.turns = 1  # `turns` of the teachers says which they see
    return embedder
