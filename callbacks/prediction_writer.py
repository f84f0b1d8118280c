"""The file of predictions, `predictions.npz`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import BasePredictionWriter
from torch import Tensor

from callbacks.npz import Array, joined_shape, write_npz


class PredictionWriter(BasePredictionWriter):
    """Write all predictions to the run's `predictions.npz` after `predict`.

    The dictionaries of tensors that `predict_step` returns are joined along the first axis, one array a name. `np.load`
    reads the file without pickles. With several processes each one writes a file, `predictions_rank_0.npz` and so on.
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
        for name, value in self.pieces_of(prediction, trainer.global_rank + trainer.world_size * batch_idx).items():
            if isinstance(value, Tensor):
                self._pieces[name].append(as_array(value))

    def pieces_of(self, prediction: Mapping[str, Any], index: int) -> Mapping[str, Any]:
        """Return what to keep of a prediction; `index` is the number of its batch over all processes."""
        return prediction

    def arrays(self, pl_module: pl.LightningModule) -> Mapping[str, Sequence[Array]]:
        """Return the pieces of each array to write, by name."""
        return self._pieces

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if getattr(trainer, "fast_dev_run", False):
            return
        suffix = f"_rank_{trainer.global_rank}" if trainer.world_size > 1 else ""
        path = Path(trainer.default_root_dir) / f"{self.file_name}{suffix}.npz"
        arrays = self.arrays(pl_module)
        write_npz(path, arrays, compressed=self.compressed)
        if trainer.is_global_zero:
            shapes = [f"{name} {list(joined_shape(pieces))}" for name, pieces in arrays.items() if pieces[0].ndim]
            print(f"wrote {path}: {', '.join(shapes)}")
        self._pieces.clear()


def as_array(values: Tensor) -> Array:
    """Return a tensor as a NumPy array; bfloat16, which NumPy does not know, becomes single precision.

    >>> as_array(torch.ones(1, dtype=torch.bfloat16)).dtype
    dtype('float32')
    """
    values = values.cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
