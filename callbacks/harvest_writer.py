"""The file of a harvest, `harvest.npz`: the states of an agent's LSTM, labelled with their contexts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.npz import Array, joined_shape
from callbacks.prediction_writer import PredictionWriter
from datamodules.harvest_files import FORMAT, INTEGERS

#: Rewards that are stored as bytes.
BITS = (0.0, 1.0)


class HarvestWriter(PredictionWriter):
    """Write an agent's episodes to the run's `harvest.npz` after `predict`; see `datamodules.harvest_files`.

    Each environment of a batch counts as a block. Blocks of different processes have different numbers.

    Args:
        checkpoint: SHA-256 of the agent's checkpoint file.
        config: the run's configuration, as YAML without paths.
    """

    file_name = "harvest"
    compressed = False  # compression would save a tenth of the size and take most of the time

    def __init__(self, checkpoint: str, config: str) -> None:
        super().__init__()
        self.checkpoint, self.config = checkpoint, config

    def pieces_of(self, prediction: Mapping[str, Any], index: int) -> Mapping[str, Any]:
        return as_episodes(prediction, index)

    def arrays(self, pl_module: pl.LightningModule) -> Mapping[str, Sequence[Array]]:
        pieces: dict[str, Sequence[Array]] = {**self._pieces}
        if all(np.isin(piece, BITS).all() for piece in pieces["reward"]):
            pieces["reward"] = [piece.astype(np.uint8) for piece in pieces["reward"]]
        for name, kind in INTEGERS.items():
            pieces[name] = _as_integers(pieces[name], kind)
        return {**pieces, "provenance": [np.array(json.dumps(self._provenance(pl_module)))]}

    def _provenance(self, agent: pl.LightningModule) -> dict[str, Any]:
        task: Any = agent.task
        return {
            "format": FORMAT,
            "checkpoint": self.checkpoint,
            "config": self.config,
            "label_count": task.label_count,
            "fixed_labels": task.fixed_labels,
            "hidden_size": joined_shape(self._pieces["cell"])[-1],
            "pulls": joined_shape(self._pieces["cell"])[1],
            "arms": task.actions,
        }


def _as_integers(pieces: Sequence[Array], kind: type[np.integer[Any]]) -> list[Array]:
    """Convert pieces to an integer type, or to a longer one if their numbers need it."""
    largest = max(int(piece.max()) for piece in pieces)
    sufficient = np.promote_types(kind, np.min_scalar_type(largest))
    return [piece.astype(sufficient) for piece in pieces]


def as_episodes(batch: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    """Flatten a batch to episodes, environment by environment, and number their blocks and episodes.

    Args:
        batch: tensors `[B, E, ...]` that `predict_step` returned.
        index: number of the batch; all batches have the same number of environments.

    Returns:
        Tensors `[B * E, ...]`, and `block` and `episode` `[B * E]` long.

    >>> as_episodes({"label": torch.tensor([[4, 5], [6, 7]])}, index=1)["block"]
    tensor([2, 2, 3, 3])
    """
    environments, episodes = batch["label"].shape
    flat = {name: part.flatten(0, 1) for name, part in batch.items()}
    first = index * environments
    flat["block"] = torch.arange(first, first + environments).repeat_interleave(episodes)
    flat["episode"] = torch.arange(episodes).repeat(environments)
    return flat
