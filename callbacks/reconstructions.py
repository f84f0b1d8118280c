"""Plots of an autoencoder: drawings with their reconstructions, and the embedding projector."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.plots.choice import spread_evenly, whole_classes
from episodic.plots.embeddings.reconstructions import plot_reconstructions


class Reconstructions(pl.Callback):
    """Plot reconstructions of validation drawings after training, and of validation and test drawings after `test`.

    After `test` the embeddings of test drawings also go to the loggers' projector. A denoising autoencoder reconstructs
    corrupted drawings.

    Args:
        pairs: number of drawings in a plot.
        projected: number of drawings in the projector, about: whole classes.
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
        originals = _some_drawings(trainer, split, self.pairs)
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
        part: OmniglotPart = trainer.datamodule.test  # type: ignore[attr-defined]
        rows = whole_classes(part.labels, self.projected)  # the projector colours up to 50 classes
        images = part.images[rows].unsqueeze(1).float() / 255
        vectors = pl_module.embed(images.to(pl_module.device)).float().cpu()  # type: ignore[operator]
        log_embedding(
            trainer, Embedding(vectors, part.names_of(rows), ["class", "alphabet"], 1 - images), "test_drawings"
        )


def _some_drawings(trainer: pl.Trainer, split: str, count: int) -> Tensor:
    """Return `count` drawings evenly from a split, `[count, 1, S, S]`."""
    images: Tensor = getattr(trainer.datamodule, split).images  # type: ignore[attr-defined]
    return images[spread_evenly(count, len(images))].unsqueeze(1).float() / 255


def corrupted(module: pl.LightningModule, originals: Tensor) -> Tensor | None:
    """Corrupt originals `[N, 1, S, S]` for a denoising autoencoder, the same way every time; None for any other."""
    if not getattr(module, "denoising", False):
        return None
    images: Tensor = module.corrupted(originals, torch.Generator().manual_seed(0))  # type: ignore[operator]
    return images
