"""Stage 1: the Omniglot autoencoder."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import OptimizerCallable
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torchmetrics import MeanSquaredError

from datamodules.omniglot import DrawingBatch
from errors import require
from lightning_modules.optimisation import ConfiguredOptimizer
from losses.schedules import Schedule
from networks.autoencoder import ConvolutionalAutoencoder
from networks.images import to_size
from networks.pca import PrincipalComponents
from networks.pretrained import EMBEDDER_KEY, describe_embedder
from networks.symmetries import spread_symmetries


class OmniglotAutoencoder(pl.LightningModule):
    """A convolutional autoencoder of drawings; `embed(drawing)` is what later stages use.

    After training its test error stands beside that of as many principal components, fitted on the same
    training drawings.

    Args:
        latent_size: length D of the embedding.
        image_size: side of the drawings that the network works at; None takes the data's.
        channels: channels of the first convolution.
        symmetries: train on the drawings turned and mirrored in all eight ways, which keeps the network from
            learning the training drawings by heart.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.

    Raises:
        InputError: a size out of its range, an image size that is not the data's.
    """

    def __init__(
        self,
        latent_size: int = 64,
        image_size: int | None = None,
        channels: int = 32,
        symmetries: bool = False,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        size = image_size or 28
        self.network = ConvolutionalAutoencoder(latent_size, size, channels)
        self._arguments = {"latent_size": latent_size, "image_size": size, "channels": channels}
        self.symmetries = symmetries
        self.optimisation = ConfiguredOptimizer(optimizer, learning_rate_schedule)
        self.errors = torch.nn.ModuleDict({split: MeanSquaredError() for split in ("fit", "val", "test", "pca")})
        self.components: PrincipalComponents | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions `[B, 1, S, S]` of drawings `[B, 1, H, H]` in [0, 1], ink = 1."""
        reconstruction: Tensor = self.network(x)
        return reconstruction

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings `[B, D]` of drawings `[B, 1, H, H]`, the decoder left out."""
        return self.network.embed(x)

    def setup(self, stage: str) -> None:
        """Check that the data's drawings are of the network's size."""
        size = self.trainer.datamodule.sizes["image_size"]  # type: ignore[attr-defined]
        require(
            size == self.network.image_size,
            f"model.image_size is {self.network.image_size}: the data's drawings are {size} x {size}",
        )

    def configure_optimizers(self) -> Any:
        return self.optimisation.configure(
            self.network.parameters(), lambda: self.trainer.estimated_stepping_batches, "step"
        )

    def on_train_start(self) -> None:
        self.optimisation.restore_configuration()

    def _step(self, batch: DrawingBatch, split: str) -> Tensor:
        reconstruction = self(batch.images)
        target = to_size(batch.images, self.network.image_size)
        self.errors[split].update(reconstruction.detach(), target)  # type: ignore[operator]
        return torch.nn.functional.mse_loss(reconstruction, target)

    def training_step(self, batch: DrawingBatch, batch_idx: int) -> Tensor:
        if self.symmetries:
            batch = batch._replace(images=spread_symmetries(batch.images))
        return self._step(batch, "fit")

    def validation_step(self, batch: DrawingBatch, batch_idx: int) -> None:
        self._step(batch, "val")

    def test_step(self, batch: DrawingBatch, batch_idx: int) -> None:
        self._step(batch, "test")
        if self.components is not None:
            points = batch.images.flatten(1)
            self.errors["pca"].update(self.components.reconstruct(points), points)  # type: ignore[operator]

    def predict_step(self, batch: DrawingBatch, batch_idx: int) -> dict[str, Tensor]:
        """Embeddings `[B, D]` and labels `[B]`."""
        return {"embedding": self.embed(batch.images), "label": batch.labels}

    def on_train_epoch_start(self) -> None:
        self.errors["fit"].reset()  # type: ignore[operator]

    def on_validation_epoch_start(self) -> None:
        self.errors["val"].reset()  # type: ignore[operator]

    def on_validation_epoch_end(self) -> None:
        """Log validation and, where a training epoch has just ended, training error."""
        metrics = {"val/reconstruction_mse": self._error("val")}
        if self.trainer.state.fn == TrainerFn.FITTING:
            metrics["train/reconstruction_mse"] = self._error("fit")
            metrics["train/learning_rate"] = torch.tensor(self.optimisation.optimizer.param_groups[0]["lr"])
            metrics["step"] = torch.tensor(float(self.trainer.global_step))
        self.log_dict(metrics)

    def on_test_epoch_start(self) -> None:
        """Fit the principal components on the training drawings."""
        for split in ("test", "pca"):
            self.errors[split].reset()  # type: ignore[operator]
        drawings = self.trainer.datamodule.train.images  # type: ignore[attr-defined]
        points = (drawings.float() / 255).flatten(1)
        components = min(self.network.latent_size, points.shape[1])
        self.components = PrincipalComponents(points.to(self.device), components)

    def on_test_epoch_end(self) -> None:
        self.log_dict({"test/reconstruction_mse": self._error("test"), "test/pca_mse": self._error("pca")})
        self.components = None

    def _error(self, split: str) -> Tensor:
        error: Tensor = self.errors[split].compute()  # type: ignore[operator]
        return error

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[EMBEDDER_KEY] = describe_embedder(self.network, self._arguments, "network.")
