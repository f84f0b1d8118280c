"""Plots of an autoencoder: drawings with their reconstructions, and the embedding projector."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture
from episodic.plots.choice import spread_evenly
from episodic.plots.reconstructions import plot_reconstructions


class Reconstructions(pl.Callback):
    """Plot reconstructions of validation drawings after training, and of validation and test drawings after `test`.

    After `test` the embeddings of test drawings also go to the loggers' projector. A denoising autoencoder reconstructs
    corrupted drawings.

    Args:
        pairs: number of drawings in a plot.
        projected: number of drawings in the projector.
    """

    def __init__(self, pairs: int = 16, projected: int = 1000) -> None:
        super().__init__()
        self.pairs, self.projected = pairs, projected

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._plot(trainer, pl_module, "val")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._plot(trainer, pl_module, "val")
        self._plot(trainer, pl_module, "test")
        self._project(trainer, pl_module)

    @torch.no_grad()
    def _plot(self, trainer: pl.Trainer, pl_module: pl.LightningModule, split: str) -> None:
        if not keeps_files(trainer):
            return
        originals, _ = _some_drawings(trainer, split, self.pairs)
        inputs = corrupted(pl_module, originals)
        was_training = pl_module.training
        pl_module.eval()
        reconstructed = pl_module((originals if inputs is None else inputs).to(pl_module.device)).cpu()
        pl_module.train(was_training)
        log_picture(trainer, plot_reconstructions(originals, reconstructed, split, inputs), f"reconstructions_{split}")

    @torch.no_grad()
    def _project(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not keeps_files(trainer):
            return
        images, names = _some_drawings(trainer, "test", self.projected)
        vectors = pl_module.embed(images.to(pl_module.device)).cpu()  # type: ignore[operator]
        log_embedding(trainer, Embedding(vectors, [[name] for name in names], ["class"], 1 - images), "test_drawings")


def _some_drawings(trainer: pl.Trainer, split: str, count: int) -> tuple[Tensor, list[str]]:
    """Return `count` drawings evenly from a split, `[count, 1, S, S]`, and the names of their classes."""
    part = getattr(trainer.datamodule, split)  # type: ignore[attr-defined]
    chosen = spread_evenly(count, len(part.images))
    names = [part.class_names[int(label)] for label in part.labels[chosen]]
    return part.images[chosen].unsqueeze(1).float() / 255, names


def corrupted(module: pl.LightningModule, originals: Tensor) -> Tensor | None:
    """Corrupt originals `[N, 1, S, S]` for a denoising autoencoder, the same way every time; None for any other."""
    if not getattr(module, "denoising", False):
        return None
    images: Tensor = module.corrupted(originals, torch.Generator().manual_seed(0))  # type: ignore[operator]
    return images
