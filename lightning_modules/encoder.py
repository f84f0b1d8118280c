"""The training shared by all encoders: steps, objectives, averaged weights, logged metrics and checkpoints."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchmetrics import MeanMetric

from episodic.checkpoints import EMBEDDER_KEY, describe_embedder
from episodic.errors import InputError, require
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.metrics.retrieval import retrieval_metrics
from episodic.networks.embedder import Embedder
from episodic.objectives.objectives import Objectives
from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.softmax import SoftmaxConfig
from episodic.objectives.weighted import WeightedObjectives
from lightning_modules.embedded_classes import EmbeddedClasses, in_order
from lightning_modules.gradient_scaling import scales_gradients
from lightning_modules.learning_rate import LearningRate
from lightning_modules.randomness import step_generator
from lightning_modules.running_metrics import load_running_metrics, save_running_metrics

#: A batch of an encoder starts with inputs `[B, ...]` and labels `[B]` long.
Batch = tuple[Tensor, ...]

#: The losses of an encoder that names none.
SOFTMAX_ALONE = Objectives(softmax=SoftmaxConfig())


class Encoder(LearningRate, pl.LightningModule, ABC):
    """Train an embedder by weighted objectives; later stages use its `embed(x)`.

    A subclass builds the network and the objectives, calls `save_hyperparameters` and implements `metrics`. It may
    override `augmented`, `learned`, `further_losses`, `evaluated` and `collect`.

    Args:
        network: the embedder, one of `episodic.checkpoints.NETWORKS`.
        objectives: the losses that train it.
        optimisation: its optimiser and schedule.
        averaging: decay of a moving average of the weights, updated at each optimiser step. Outside training
            (validation, test, prediction and later stages) the average replaces the weights. None keeps no average.

    Raises:
        InputError: the decay is outside [0, 1).
    """

    def __init__(
        self,
        network: Embedder,
        objectives: WeightedObjectives,
        optimisation: ConfiguredOptimizer,
        averaging: float | None = None,
    ) -> None:
        super().__init__()
        require(averaging is None or 0 <= averaging < 1, f"averaging is {averaging}: it must be at least 0 and below 1")
        self.network, self.objectives, self.optimisation = network, objectives, optimisation
        self.average: AveragedModel | None = None
        if averaging is not None:
            # With the buffers: the statistics of batch normalisation must belong to the averaged weights.
            self.average = AveragedModel(
                self._averaged_parts(), multi_avg_fn=get_ema_multi_avg_fn(averaging), use_buffers=True
            ).requires_grad_(False)
        self.means = nn.ModuleDict(
            {name: MeanMetric(nan_strategy="disable") for name in ("loss", "accuracy", *objectives.parts)}
        )
        self.collected = nn.ModuleDict({split: EmbeddedClasses() for split in ("val", "test", "test_rotated")})
        # Each process's memory holds the batches of that process.
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, _memory_names(self))

    def embed(self, x: Tensor) -> Tensor:
        """Return embeddings `[B, D]`, outside training by the averaged weights if there are any."""
        embedding: Tensor = self._part("network").embed(x)  # type: ignore[operator]
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """Return logits `[B, C]` of the training classes, by the same weights as `embed`.

        Raises:
            InputError: the objectives have no softmax.
        """
        softmax = self.objectives.softmax
        if softmax is None:
            raise InputError("objectives has no softmax: class logits need one")
        logits: Tensor = softmax.scale * self._part("classifier")(self.objective_input(x))
        return logits

    def objective_input(self, x: Tensor) -> Tensor:
        """Return the embeddings `[B, D]` that the objectives learn from, by the same weights as `embed`."""
        embedding: Tensor = self._part("network").objective_input(x)  # type: ignore[operator]
        return embedding

    def _part(self, name: str) -> nn.Module:
        parts = self._averaged_parts() if self.average is None or self.training else self.average.module
        return parts.get_submodule(name)

    def _averaged_parts(self) -> nn.ModuleDict:
        softmax = self.objectives.softmax
        return nn.ModuleDict({"network": self.network, "classifier": softmax.classifier if softmax else nn.Identity()})

    def configure_optimizers(self) -> Any:
        parameters = [*self.network.parameters(), *self.objectives.parameters()]
        return self.optimisation.configure(
            parameters, lambda: self.trainer.estimated_stepping_batches, "step", scaled=scales_gradients(self.trainer)
        )

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update_parameters(self._averaged_parts())

    def on_train_start(self) -> None:
        describe_embedder(self.network, "network.")  # refuses a network that no checkpoint may name
        self.optimisation.restore_configuration()

    def augmented(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Change the inputs of a training step at random, by a generator on the CPU."""
        return inputs

    def learned(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings `[N, D]` and labels `[N]` long that the objectives learn from in a training step."""
        return self.objective_input(inputs), labels

    def further_losses(self, inputs: Tensor, embedding: Tensor) -> dict[str, tuple[Tensor, float]]:
        """Return losses of a training step besides the objectives' by name, each with its weight.

        Args:
            inputs: `[B, ...]`, after `augmented`.
            embedding: `[N, D]`, as `learned` returned it.
        """
        return {}

    def evaluated(self, inputs: Tensor, labels: Tensor, split: str) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the embeddings and labels of a batch of `val` or `test`, by the name of their collection."""
        return {split: (self.embed(inputs), labels)}

    @abstractmethod
    def metrics(self, embeddings: Tensor, labels: Tensor, collection: str) -> dict[str, Tensor]:
        """Return the metrics of held-out classes, scalars by name; here Recall@1 and MAP@R.

        Args:
            embeddings: `[N, D]`, in the order of the data if each item occurs once.
            labels: `[N]` long.
            collection: the collection of `evaluated` that they come from.
        """
        return retrieval_metrics(embeddings, labels)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs, labels = batch[:2]
        inputs = self.augmented(inputs, step_generator(self, batch_idx))
        embedding, labels = self.learned(inputs, labels)
        losses = self.objectives.losses(embedding, labels)
        loss = self.objectives.total(losses)
        for name, (further, weight) in self.further_losses(inputs, embedding).items():
            losses[name] = further
            loss = loss + weight * further
        self._note({"loss": loss, **losses})
        if (softmax := self.objectives.softmax) is not None:
            with torch.no_grad():
                self._note({"accuracy": (softmax.cosines(embedding).argmax(dim=1) == labels).float().mean()})
        return loss

    def _note(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.means[name].update(value.detach())  # type: ignore[operator]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.collect(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.collect(batch, "test")

    def collect(self, batch: Batch, split: str) -> None:
        """Keep the embeddings and labels that the metrics of `val` or `test` are computed from."""
        inputs, labels = batch[:2]
        for name, embedded in self.evaluated(inputs, labels, split).items():
            self.collected[name].update(*embedded)  # type: ignore[operator]

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return embeddings `[B, D]` and labels `[B]`."""
        inputs, labels = batch[:2]
        return {"embedding": self.embed(inputs), "label": labels}

    def on_train_epoch_start(self) -> None:
        for mean in self.means.values():
            mean.reset()  # type: ignore[operator]

    def on_validation_epoch_start(self) -> None:
        self._reset_collected()

    def on_test_epoch_start(self) -> None:
        self._reset_collected()

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics and, after a training epoch, its means."""
        metrics = self._split_metrics("val")
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            metrics |= {f"train/{name}": mean.compute() for name, mean in self._means().items()}
            metrics["train/learning_rate"] = torch.tensor(self.optimisation.optimizer.param_groups[0]["lr"])
            metrics["step"] = torch.tensor(float(self.trainer.global_step))
        self.log_dict(metrics, sync_dist=True)

    def on_test_epoch_end(self) -> None:
        self.log_dict(self._split_metrics("test"), sync_dist=True)

    def _means(self) -> dict[str, MeanMetric]:
        names = [name for name in self.means if name != "accuracy" or self.objectives.softmax is not None]
        return {name: self.means[name] for name in names}  # type: ignore[misc]

    def _split_metrics(self, split: str) -> dict[str, Tensor]:
        """Compute the metrics of a split's collections, named `split/metric` or `split/metric_rotated`; reset them."""
        metrics: dict[str, Tensor] = {}
        for name, collected in self.collected.items():
            assert isinstance(collected, EmbeddedClasses)
            if name.startswith(split) and collected.update_called:
                suffix = name.removeprefix(split)
                embeddings, labels = (in_order(part, self.trainer.world_size) for part in collected.compute())
                values = self.metrics(embeddings, labels, name)
                metrics |= {f"{split}/{metric}{suffix}": value for metric, value in values.items()}
        self._reset_collected()
        return metrics

    def _reset_collected(self) -> None:
        for collected in self.collected.values():
            collected.reset()  # type: ignore[operator]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        prefix = "network." if self.average is None else "average.module.network."
        checkpoint[EMBEDDER_KEY] = describe_embedder(self.network, prefix)
        save_running_metrics(checkpoint, self.means)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        load_running_metrics(checkpoint, self.means)


def _memory_names(module: nn.Module) -> list[str]:
    """List the buffers of every Kaiser memory in a module."""
    memories = [(name, part) for name, part in module.named_modules() if isinstance(part, KaiserMemory)]
    return [f"{name}.{buffer}" for name, part in memories for buffer, _ in part.named_buffers()]
