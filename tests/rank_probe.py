"""A callback that notes what each process of a distributed training saw and ended with."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch


def digest(tensors: Any) -> str:
    """One hash of many tensors."""
    return hashlib.sha256(b"".join(t.detach().cpu().contiguous().numpy().tobytes() for t in tensors)).hexdigest()


class RankProbe(pl.Callback):
    """Writes `rank_N.json` into the run's folder: hashes of the batches met and of the final weights."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[str] = []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, _: int) -> None:
        self.batches.append(digest(field for field in batch if isinstance(field, torch.Tensor)))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        found = {
            "rank": trainer.global_rank,
            "world": trainer.world_size,
            "process": os.getpid(),
            "batches": self.batches,
            "weights": digest(pl_module.parameters()),
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
        }
        path = Path(trainer.default_root_dir) / f"rank_{trainer.global_rank}.json"
        path.write_text(json.dumps(found))
