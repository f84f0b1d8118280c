"""The state of all random generators in checkpoints."""

import random
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch


class RandomState(pl.Callback):
    """Save the generators of torch (CPU and CUDA), Python and NumPy in checkpoints, and restore them on a resume."""

    def __init__(self) -> None:
        super().__init__()
        self._saved: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        version, numbers, gauss = random.getstate()
        _, keys, *rest = np.random.get_state()  # noqa: NPY002 - the generator that others may use
        return {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            "python": [version, torch.tensor(numbers), gauss],
            "numpy": [torch.from_numpy(np.asarray(keys, np.int64)), *rest],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = state_dict

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Not when the checkpoint is loaded: the rest of the start-up draws random numbers, too.
        saved, self._saved = self._saved, None
        if saved is None:
            return
        torch.set_rng_state(saved["cpu"])
        if torch.cuda.is_available() and len(saved["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(saved["cuda"])
        if "python" in saved:
            version, numbers, gauss = saved["python"]
            random.setstate((version, tuple(numbers.tolist()), gauss))
            keys, *rest = saved["numpy"]
            np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
