"""Pictures of an autoencoder: drawings with their reconstructions, and the embedding projector."""

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from callbacks.figures import keeps_files, save_figure
from episodic.plots.style import new_figure


class Reconstructions(pl.Callback):
    """Draws validation drawings when training ends, and validation and test drawings after `test`; after `test`
    also sends embeddings with their pictures to TensorBoard's projector.

    A denoising autoencoder is shown reconstructing corrupted drawings.

    Args:
        pairs: drawings in a picture.
        projected: drawings in the projector.
    """

    def __init__(self, pairs: int = 16, projected: int = 1000) -> None:
        super().__init__()
        self.pairs, self.projected = pairs, projected

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, "val")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, "val")
        self._draw(trainer, pl_module, "test")
        self._project(trainer, pl_module)

    @torch.no_grad()
    def _draw(self, trainer: pl.Trainer, pl_module: pl.LightningModule, split: str) -> None:
        if not keeps_files(trainer):
            return
        originals, _ = _spread(trainer, split, self.pairs)
        inputs = corrupted(pl_module, originals)
        was_training = pl_module.training
        pl_module.eval()
        reconstructed = pl_module((originals if inputs is None else inputs).to(pl_module.device)).cpu()
        pl_module.train(was_training)
        figure = reconstructions_figure(originals, reconstructed, split, inputs)
        save_figure(trainer, figure, f"reconstructions_{split}")

    @torch.no_grad()
    def _project(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        images, names = _spread(trainer, "test", self.projected)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
                embedded = pl_module.embed(images.to(pl_module.device)).cpu()  # type: ignore[operator]
                logger.experiment.add_embedding(
                    embedded,
                    metadata=names,
                    label_img=1 - images,
                    tag="test_drawings",
                    global_step=trainer.global_step,
                )


def _spread(trainer: pl.Trainer, split: str, count: int) -> tuple[Tensor, list[str]]:
    """`count` drawings evenly from a split, `[count, 1, S, S]`, and the names of their classes."""
    part = getattr(trainer.datamodule, split)  # type: ignore[attr-defined]
    chosen = torch.from_numpy(np.linspace(0, len(part.images) - 1, min(count, len(part.images))).astype(np.int64))
    names = [part.class_names[int(label)] for label in part.labels[chosen]]
    return part.images[chosen].unsqueeze(1).float() / 255, names


def corrupted(module: pl.LightningModule, originals: Tensor) -> Tensor | None:
    """What a denoising autoencoder is given for originals `[N, 1, S, S]`, always the same; None for any other."""
    if not getattr(module, "denoising", False):
        return None
    images: Tensor = module.corrupted(originals, torch.Generator().manual_seed(0))  # type: ignore[operator]
    return images


def reconstructions_figure(
    originals: Tensor, reconstructed: Tensor, split: str, inputs: Tensor | None = None
) -> Figure:
    """Originals `[N, 1, S, S]` above reconstructions; or corrupted inputs, reconstructions and originals."""
    rows = [originals, reconstructed] if inputs is None else [inputs, reconstructed, originals]
    words = "originals and reconstructions" if inputs is None else "corrupted drawings, reconstructions and originals"
    figure = new_figure(0.7 * len(originals), 0.5 + 0.7 * len(rows), len(rows), len(originals))
    for axes, image in zip(figure.axes, torch.cat(rows), strict=True):
        axes.imshow(image.squeeze(0), cmap="gray_r", vmin=0, vmax=1)
        axes.set_axis_off()
    error = float((originals - reconstructed).square().mean())
    figure.suptitle(f"{split}: {words}, mean squared error of these {error:.4f}", fontsize=9)
    return figure
