"""`predictions.npz`: what `predict` gave, in one file."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.callbacks import BasePredictionWriter
from torch import Tensor


class PredictionWriter(BasePredictionWriter):
    """After `predict` joins the dictionaries of tensors that the steps gave, along their first axis, into
    the run's `predictions.npz` (one array a name; `np.load` reads it without pickles).
    """

    def __init__(self) -> None:
        super().__init__(write_interval="batch")
        self._parts: dict[str, list[np.ndarray[Any, Any]]] = defaultdict(list)

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._parts.clear()

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
        for name, value in prediction.items():
            if isinstance(value, Tensor):
                self._parts[name].append(value.cpu().numpy())

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if getattr(trainer, "fast_dev_run", False):
            return
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        suffix = f"_rank_{trainer.global_rank}" if trainer.world_size > 1 else ""
        path = folder / f"predictions{suffix}.npz"
        arrays = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        self._parts.clear()
        with path.with_suffix(".tmp").open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(path.with_suffix(".tmp"), path)
        if trainer.is_global_zero:
            shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
            print(f"wrote {path}: {shapes}")
