"""`harvest.npz`: the states that an agent's LSTM went through, with the contexts they belong to."""

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

#: Rewards that fit into a byte.
BITS = (0.0, 1.0)


class HarvestWriter(PredictionWriter):
    """After `predict` writes the agent's episodes into the run's `harvest.npz`, see `datamodules.harvest_files`.

    Each environment of a batch is a block of its own. Where several processes predict, their blocks have different
    numbers.

    Args:
        checkpoint: SHA-256 of the agent's checkpoint file.
        config: the run's configuration, as YAML without paths.
    """

    file_name = "harvest"
    compressed = False  # saves a tenth, for most of the time that the writing takes

    def __init__(self, checkpoint: str, config: str) -> None:
        super().__init__()
        self.checkpoint, self.config = checkpoint, config

    def write_on_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        place = trainer.global_rank + trainer.world_size * batch_idx
        episodes = as_episodes(prediction, place)
        super().write_on_batch_end(trainer, pl_module, episodes, batch_indices, batch, batch_idx, dataloader_idx)

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
            "pulls": task.pulls,
            "arms": task.arms,
        }


def _as_integers(pieces: Sequence[Array], kind: type[np.integer[Any]]) -> list[Array]:
    """Pieces of this type, or of a longer one where that is too short for them."""
    largest = max(int(piece.max()) for piece in pieces)
    wanted = np.promote_types(kind, np.min_scalar_type(largest))
    return [piece.astype(wanted) for piece in pieces]


def as_episodes(block: Mapping[str, Tensor], place: int) -> dict[str, Tensor]:
    """Episodes one after another, environment by environment: `[B, E, ...]` -> `[B * E, ...]`, and where each is from.

    Args:
        block: what `predict_step` gave.
        place: number of the batch; all batches have as many environments.
    """
    environments, episodes = block["label"].shape
    flat = {name: part.flatten(0, 1) for name, part in block.items()}
    first = place * environments
    flat["block"] = torch.arange(first, first + environments).repeat_interleave(episodes)
    flat["episode"] = torch.arange(episodes).repeat(environments)
    return flat
