"""Stage 1: the Omniglot autoencoder."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from torchmetrics import MeanSquaredError

from datamodules.drawings import DrawingBatch
from datamodules.sampling import rank_and_world
from episodic.checkpoints import EMBEDDER_KEY, describe_embedder
from episodic.drawings.augmentation import Augmentation, augment, require_strengths
from episodic.drawings.images import SMALLEST, to_size
from episodic.drawings.masking_noise import erase_pixels
from episodic.drawings.symmetries import spread_symmetries
from episodic.errors import require, require_choice, require_positive
from episodic.metrics.class_rows import class_rows, classes_with
from episodic.metrics.few_shot import FEW_SHOT, few_shot_metrics
from episodic.metrics.principal_components import pca_mse
from episodic.metrics.retrieval import retrieval_metrics
from episodic.networks.autoencoder import Autoencoder, ConvolutionalAutoencoder
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import Schedule
from lightning_modules.embedded_classes import EmbeddedClasses, in_order
from lightning_modules.gradient_scaling import scales_gradients
from lightning_modules.learning_rate import LearningRate
from lightning_modules.randomness import step_generator
from lightning_modules.running_metrics import load_running_metrics, save_running_metrics

LOSSES = ("mse", "bce")


class OmniglotAutoencoder(LearningRate, pl.LightningModule):
    """Train an autoencoder of drawings; later stages use its `embed(drawing)`.

    A test also logs the error of as many principal components, fitted on the same training drawings. Recall@1, MAP@R
    and few-shot accuracies of the embedding, by cosine, concern classes that training never sees; few-shot accuracies
    need enough classes. The data decide the number of training classes (`--data.classes`).

    A denoising autoencoder (Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising
    Autoencoders"; 2010, JMLR 11) reconstructs a clean drawing from a corrupted one. Outside training its input is
    clean too.

    Differs from the paper: the corruption is a deformation (`augmentation`), masking noise (`dropped`), or both.

    Args:
        network: builds the autoencoder from the side of its drawings.
        loss: `mse`, or `bce`, the binary cross-entropy of grey levels. The logged errors are always squared.
        symmetries: whether training drawings are turned and mirrored in all eight ways, which keeps the network from
            memorising them.
        augmentation: strengths of the random deformations of training drawings; None leaves drawings unchanged. The
            deformed drawing is input and target, unless `denoising`.
        denoising: whether the target is the drawing before augmentation and erasing.
        dropped: probability that a pixel of the input is erased, only for denoising.
        few_shot_episodes: number of episodes that a few-shot accuracy averages over, the same every time.
        image_size: side of the drawings that the network computes with; None takes the data's.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate by training progress; None keeps the rate constant.

    Raises:
        InputError: a number is out of its range, the loss is unknown, or denoising has no corruption. `setup` raises it
            if the image size differs from the data's.
    """

    def __init__(
        self,
        network: Callable[[int], Autoencoder] = ConvolutionalAutoencoder,
        loss: str = "mse",
        symmetries: bool = False,
        augmentation: Augmentation | None = None,
        denoising: bool = False,
        dropped: float = 0.0,
        few_shot_episodes: int = 1000,
        image_size: int | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        require_choice("loss", loss, LOSSES)
        require_positive(few_shot_episodes=few_shot_episodes)
        self.augmentation: Augmentation = augmentation or {}
        require_corruption(denoising, self.augmentation, dropped)
        self.network = network(image_size or SMALLEST)
        self.loss, self.symmetries, self.denoising, self.dropped = loss, symmetries, denoising, dropped
        self.few_shot_episodes = few_shot_episodes
        self.optimisation = ConfiguredOptimizer(optimizer, learning_rate_schedule)
        self.errors = torch.nn.ModuleDict({split: MeanSquaredError() for split in ("fit", "val", "test")})
        self.collected = torch.nn.ModuleDict({split: EmbeddedClasses() for split in ("val", "test")})

    def forward(self, x: Tensor) -> Tensor:
        """Return reconstructions `[B, 1, S, S]` of drawings `[B, 1, H, H]` in [0, 1], ink = 1."""
        reconstruction: Tensor = self.network(x)
        return reconstruction

    def embed(self, x: Tensor) -> Tensor:
        """Return embeddings `[B, D]` of drawings `[B, 1, H, H]`, without the decoder."""
        return self.network.embed(x)

    def setup(self, stage: str) -> None:
        """Check that the network's drawings have the size of the data's."""
        size = self.trainer.datamodule.sizes["image_size"]  # type: ignore[attr-defined]
        require(
            size == self.network.image_size,
            f"model.image_size is {self.network.image_size}: the data's drawings are {size} x {size}",
        )

    def configure_optimizers(self) -> Any:
        return self.optimisation.configure(
            self.network.parameters(),
            lambda: self.trainer.estimated_stepping_batches,
            "step",
            scaled=scales_gradients(self.trainer),
        )

    def on_train_start(self) -> None:
        describe_embedder(self.network, "network.")  # refuses a network that no checkpoint may name
        self.optimisation.restore_configuration()

    def corrupted(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Deform each of the drawings `[B, 1, S, S]` in its own way, and erase some of their pixels."""
        return erase_pixels(augment(images, generator, **self.augmentation), self.dropped, generator)

    def training_pair(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets of a training step, `[B, 1, S, S]` each."""
        clean = spread_symmetries(images) if self.symmetries else images
        inputs = self.corrupted(clean, generator)
        return inputs, clean if self.denoising else inputs

    def _reconstruct(self, inputs: Tensor, target: Tensor, split: str) -> tuple[Tensor, Tensor]:
        """Return the loss, and the embeddings `[B, D]` that the drawings were reconstructed from."""
        target = to_size(target, self.network.image_size)
        latent = self.embed(inputs)
        logits = self.network.logits(latent)
        reconstruction = torch.sigmoid(logits)
        self.errors[split].update(reconstruction.detach(), target)  # type: ignore[operator]
        if self.loss == "bce":
            # In half precision a saturated grey level would cost nothing, or too much.
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

    def predict_step(self, batch: DrawingBatch, batch_idx: int) -> dict[str, Tensor]:
        """Return embeddings `[B, D]` and labels `[B]`."""
        return {"embedding": self.embed(batch.images), "label": batch.labels}

    def on_train_epoch_start(self) -> None:
        self.errors["fit"].reset()  # type: ignore[operator]

    def on_validation_epoch_start(self) -> None:
        self.errors["val"].reset()  # type: ignore[operator]
        self.collected["val"].reset()  # type: ignore[operator]

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics and, after a training epoch, its error."""
        metrics = {"val/reconstruction_mse": self._error("val"), **self._split_metrics("val")}
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            metrics["train/reconstruction_mse"] = self._error("fit")
            metrics["train/learning_rate"] = torch.tensor(self.optimisation.optimizer.param_groups[0]["lr"])
            metrics["step"] = torch.tensor(float(self.trainer.global_step))
        self.log_dict(metrics, sync_dist=True)

    def on_test_epoch_start(self) -> None:
        self.errors["test"].reset()  # type: ignore[operator]
        self.collected["test"].reset()  # type: ignore[operator]

    def on_test_epoch_end(self) -> None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        train, test = ((part.images.float() / 255).flatten(1) for part in (data.train, data.test))
        components = min(self.network.latent_size, *train.shape)
        errors = {"test/reconstruction_mse": self._error("test"), "test/pca_mse": pca_mse(train, test, components)}
        self.log_dict(errors | self._split_metrics("test"), sync_dist=True)

    def _error(self, split: str) -> Tensor:
        error: Tensor = self.errors[split].compute()  # type: ignore[operator]
        return error

    def _split_metrics(self, split: str) -> dict[str, Tensor]:
        """Compute the metrics of a split's collected embeddings, named `split/metric`; reset the collection."""
        collected = self.collected[split].compute()  # type: ignore[operator]
        embeddings, labels = (in_order(part, rank_and_world()[1]) for part in collected)
        self.collected[split].reset()  # type: ignore[operator]
        metrics = few_shot_metrics(embeddings, labels, FEW_SHOT[split], self.few_shot_episodes)
        if len(classes_with(class_rows(labels), 2).labels) > 0:
            metrics |= retrieval_metrics(embeddings, labels)
        return {f"{split}/{name}": value for name, value in metrics.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[EMBEDDER_KEY] = describe_embedder(self.network, "network.")
        save_running_metrics(checkpoint, {"fit": self.errors["fit"]})

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        load_running_metrics(checkpoint, {"fit": self.errors["fit"]})


def require_corruption(denoising: bool, augmentation: Augmentation, dropped: float) -> None:
    """Raise `InputError` unless the strengths are in range, and denoising has a corruption to undo."""
    require_strengths(**augmentation)
    require(0.0 <= dropped < 1.0, f"dropped is {dropped}: it must be at least 0 and below 1")
    require(denoising or dropped == 0.0, f"dropped is {dropped}: only denoising erases pixels, and denoising is false")
    require(
        not denoising or dropped > 0.0 or any(augmentation.values()),
        "denoising is true: it needs an augmentation or dropped above 0, otherwise there is nothing to undo",
    )
