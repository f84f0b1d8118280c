"""torch's random generators travel with the checkpoint, so that a resumed run draws what it would have drawn."""

from typing import Any

import pytorch_lightning as pl
import torch


class RandomState(pl.Callback):
    """Saves the state of torch's generators (CPU and CUDA) in the checkpoint, and puts it back on a resume."""

    def __init__(self) -> None:
        super().__init__()
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # At load time the rest of the start-up would still draw; here the next draw is training's.
        restored = self._restored
        if restored is None:
            return
        torch.set_rng_state(restored["cpu"])
        if torch.cuda.is_available() and len(restored["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(restored["cuda"])
        self._restored = None
