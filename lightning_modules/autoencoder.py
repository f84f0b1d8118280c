"""Stage 1: the Omniglot autoencoder."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import OptimizerCallable
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from torchmetrics import MeanSquaredError

from datamodules.omniglot import DrawingBatch
from episodic.checkpoints.embedders import EMBEDDER_KEY, describe_embedder
from episodic.drawings.augmentation import Augmentation, augment, require_strengths
from episodic.drawings.images import to_size
from episodic.drawings.masking_noise import erase_pixels
from episodic.drawings.symmetries import spread_symmetries
from episodic.errors import require, require_choice, require_positive
from episodic.metrics.class_rows import class_rows, classes_with
from episodic.metrics.few_shot_table import FEW_SHOT, few_shot_figures
from episodic.metrics.pca import PrincipalComponents
from episodic.metrics.retrieval import retrieval
from episodic.networks.autoencoder import Autoencoder, ConvolutionalAutoencoder
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder
from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.schedules import Schedule
from lightning_modules.encoder import EmbeddedClasses
from lightning_modules.randomness import step_generator

ARCHITECTURES = ("convolutional", "two_layer")
LOSSES = ("mse", "bce")


class OmniglotAutoencoder(pl.LightningModule):
    """An autoencoder of drawings; `embed(drawing)` is what later stages use.

    After training its test error stands beside that of as many principal components, fitted on the same
    training drawings. Recall@1, MAP@R and few-shot accuracies of the embedding, by the cosine, are of classes that
    it was not trained on, the last where there are classes enough. On how many classes it is trained is the data's
    to say (`--data.classes`).

    A denoising autoencoder (Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising
    Autoencoders"; 2010, JMLR 11) is given a corrupted drawing and has to reconstruct the clean one. Outside training
    the input is the clean one too.

    Differs from the paper: the corruption is a deformation (`augmentation`), masking noise (`dropped`), or both.

    Args:
        latent_size: length D of the embedding.
        image_size: side of the drawings that the network works at; None takes the data's.
        channels: channels of the first convolution.
        architecture: `convolutional` or `two_layer`, see `episodic.networks.autoencoder` and `episodic.networks.two_layer_autoencoder`.
        blocks: residual blocks of the convolutional network at each of its scales.
        loss: `mse`, or `bce`, the binary cross-entropy of grey levels. The errors that are logged are squared errors
            with either.
        symmetries: train on the drawings turned and mirrored in all eight ways, which keeps the network from
            learning the training drawings by heart.
        augmentation: how strongly the training drawings are deformed at random; None leaves them as they are. The
            deformed drawing is input and target, unless `denoising`.
        denoising: reconstruct the drawings as they were before augmentation and erasing.
        dropped: probability that a pixel of the input is erased, for denoising alone.
        few_shot_episodes: episodes that a few-shot accuracy is the mean of, always the same ones.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.

    Raises:
        InputError: a number out of its range, an unknown architecture or loss, denoising without any corruption; an
            image size that is not the data's.
    """

    def __init__(
        self,
        latent_size: int = 64,
        image_size: int | None = None,
        channels: int = 32,
        architecture: str = "convolutional",
        blocks: int = 0,
        loss: str = "mse",
        symmetries: bool = False,
        augmentation: Augmentation | None = None,
        denoising: bool = False,
        dropped: float = 0.0,
        few_shot_episodes: int = 1000,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        require_choice("loss", loss, LOSSES)
        require_positive(few_shot_episodes=few_shot_episodes)
        self.augmentation: Augmentation = augmentation or {}
        require_corruption(denoising, self.augmentation, dropped)
        self.network, self._arguments = build_network(architecture, latent_size, image_size or 28, channels, blocks)
        self.loss, self.symmetries, self.denoising, self.dropped = loss, symmetries, denoising, dropped
        self.few_shot_episodes = few_shot_episodes
        self.optimisation = ConfiguredOptimizer(optimizer, learning_rate_schedule)
        self.errors = torch.nn.ModuleDict({split: MeanSquaredError() for split in ("fit", "val", "test", "pca")})
        self.collected = torch.nn.ModuleDict({split: EmbeddedClasses() for split in ("val", "test")})
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

    def corrupted(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Drawings `[B, 1, S, S]`, each deformed in its own way, and a part of their pixels erased."""
        return erase_pixels(augment(images, generator, **self.augmentation), self.dropped, generator)

    def training_pair(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a training step, `[B, 1, S, S]` each."""
        clean = spread_symmetries(images) if self.symmetries else images
        inputs = self.corrupted(clean, generator)
        return inputs, clean if self.denoising else inputs

    def _reconstruct(self, inputs: Tensor, target: Tensor, split: str) -> tuple[Tensor, Tensor]:
        """The loss, and the embeddings `[B, D]` that the drawings were reconstructed from."""
        target = to_size(target, self.network.image_size)
        latent = self.embed(inputs)
        logits = self.network.logits(latent)
        reconstruction = torch.sigmoid(logits)
        self.errors[split].update(reconstruction.detach(), target)  # type: ignore[operator]
        if self.loss == "bce":
            # In half precision a certain grey level would cost nothing, or too much.
            return binary_cross_entropy_with_logits(logits.float(), target), latent
        return mse_loss(reconstruction, target), latent

    def training_step(self, batch: DrawingBatch, batch_idx: int) -> Tensor:
        inputs, target = self.training_pair(batch.images, step_generator(self, batch_idx))
        return self._reconstruct(inputs, target, "fit")[0]

    def _evaluate(self, batch: DrawingBatch, split: str) -> None:
        _, latent = self._reconstruct(batch.images, batch.images, split)
        self.collected[split].update(latent, batch.labels)  # type: ignore[operator]

    def validation_step(self, batch: DrawingBatch, batch_idx: int) -> None:
        self._evaluate(batch, "val")

    def test_step(self, batch: DrawingBatch, batch_idx: int) -> None:
        self._evaluate(batch, "test")
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
        self.collected["val"].reset()  # type: ignore[operator]

    def on_validation_epoch_end(self) -> None:
        """Log validation and, where a training epoch has just ended, training error."""
        metrics = {"val/reconstruction_mse": self._error("val"), **self._figures("val")}
        if self.trainer.state.fn == TrainerFn.FITTING:
            metrics["train/reconstruction_mse"] = self._error("fit")
            metrics["train/learning_rate"] = torch.tensor(self.optimisation.optimizer.param_groups[0]["lr"])
            metrics["step"] = torch.tensor(float(self.trainer.global_step))
        self.log_dict(metrics)

    def on_test_epoch_start(self) -> None:
        """Fit the principal components on the training drawings."""
        for split in ("test", "pca"):
            self.errors[split].reset()  # type: ignore[operator]
        self.collected["test"].reset()  # type: ignore[operator]
        drawings = self.trainer.datamodule.train.images  # type: ignore[attr-defined]
        points = (drawings.float() / 255).flatten(1)
        components = min(self.network.latent_size, points.shape[1])
        self.components = PrincipalComponents(points.to(self.device), components)

    def on_test_epoch_end(self) -> None:
        errors = {"test/reconstruction_mse": self._error("test"), "test/pca_mse": self._error("pca")}
        self.log_dict(errors | self._figures("test"))
        self.components = None

    def _error(self, split: str) -> Tensor:
        error: Tensor = self.errors[split].compute()  # type: ignore[operator]
        return error

    def _figures(self, split: str) -> dict[str, Tensor]:
        """What the collected embeddings are worth, as `split/figure`."""
        embeddings, labels = self.collected[split].compute()  # type: ignore[operator]
        self.collected[split].reset()  # type: ignore[operator]
        found = few_shot_figures(embeddings, labels, FEW_SHOT[split], self.few_shot_episodes)
        if len(classes_with(class_rows(labels), 2).labels) > 0:
            found |= retrieval(embeddings, labels)
        return {f"{split}/{name}": value for name, value in found.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[EMBEDDER_KEY] = describe_embedder(self.network, self._arguments, "network.")


def require_corruption(denoising: bool, augmentation: Augmentation, dropped: float) -> None:
    """Raise `InputError` unless the strengths are in range and fit to whether the drawings are denoised."""
    require_strengths(**augmentation)
    require(0.0 <= dropped < 1.0, f"dropped is {dropped}: it has to be at least 0 and below 1")
    require(denoising or dropped == 0.0, f"dropped is {dropped}: pixels are erased for denoising alone, which is false")
    require(
        not denoising or dropped > 0.0 or any(augmentation.values()),
        "denoising is true: it needs an augmentation, or dropped above 0, or there is nothing to undo",
    )


def build_network(
    architecture: str, latent_size: int, image_size: int, channels: int, blocks: int
) -> tuple[Autoencoder, dict[str, int]]:
    """The network of an architecture, and the arguments that it was built with."""
    require_choice("architecture", architecture, ARCHITECTURES)
    arguments = {"latent_size": latent_size, "image_size": image_size, "channels": channels}
    if architecture == "convolutional":
        arguments["blocks"] = blocks
        return ConvolutionalAutoencoder(**arguments), arguments
    require(blocks == 0, f"blocks is {blocks}: it has to be 0, {architecture} has no residual blocks")
    return TwoLayerAutoencoder(**arguments), arguments
