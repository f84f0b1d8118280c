"""`predictions.npz`: what `predict` gave, in one file."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import BasePredictionWriter
from torch import Tensor

from callbacks.npz import Array, joined_shape, write_npz


class PredictionWriter(BasePredictionWriter):
    """After `predict` joins the dictionaries of tensors that the steps gave, along their first axis, into
    the run's `predictions.npz` (one array a name; `np.load` reads it without pickles).
    """

    file_name = "predictions"
    compressed = True

    def __init__(self) -> None:
        super().__init__(write_interval="batch")
        self._pieces: dict[str, list[Array]] = defaultdict(list)

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pieces.clear()

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
                self._pieces[name].append(value.cpu().numpy())

    def arrays(self, pl_module: pl.LightningModule) -> Mapping[str, Sequence[Array]]:
        """What is written: by name, the pieces of each array."""
        return self._pieces

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if getattr(trainer, "fast_dev_run", False):
            return
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        suffix = f"_rank_{trainer.global_rank}" if trainer.world_size > 1 else ""
        path = folder / f"{self.file_name}{suffix}.npz"
        arrays = self.arrays(pl_module)
        write_npz(path, arrays, compressed=self.compressed)
        if trainer.is_global_zero:
            shapes = [f"{name} {list(joined_shape(pieces))}" for name, pieces in arrays.items() if pieces[0].ndim]
            print(f"wrote {path}: {', '.join(shapes)}")
        self._pieces.clear()
