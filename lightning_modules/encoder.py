"""What the encoders share: steps, objectives, averaged weights, logged figures and what their checkpoints say."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchmetrics import MeanMetric, Metric
from torchmetrics.utilities import dim_zero_cat

from episodic.checkpoints.embedders import EMBEDDER_KEY, describe_embedder
from episodic.errors import require
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.metrics.retrieval import retrieval
from episodic.objectives.objectives import WeightedObjectives
from episodic.objectives.optimisation import ConfiguredOptimizer
from lightning_modules.randomness import step_generator

#: What every batch of an encoder begins with: inputs `[B, ...]` and labels `[B]` long.
Batch = tuple[Tensor, ...]


class EmbeddedClasses(Metric):
    """Collects embeddings `[N, ...]` and labels `[N, ...]` long over the batches of an epoch, and all processes."""

    full_state_update = False
    embeddings: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("embeddings", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Add a batch."""
        self.embeddings.append(embeddings.detach())
        self.labels.append(labels)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Everything so far."""
        return dim_zero_cat(self.embeddings), dim_zero_cat(self.labels)


class Encoder(pl.LightningModule, ABC):
    """Trains a network that embeds by weighted objectives; `embed(x)` is what later stages use.

    A subclass builds the network and the objectives, calls `save_hyperparameters`, says its `figures`, and may
    override `augmented`, `learned`, `evaluated` and `collect`.

    Args:
        network: has `embed(x) -> [B, D]`, is listed in `episodic.checkpoints.embedders.NETWORKS`.
        arguments: what the network was built with, plain data.
        objectives: what it is trained by.
        optimisation: its optimiser.
        averaging: decay of a moving average of the weights, updated at each step of the optimiser, that stands for
            them outside training: in validation, test, prediction and later stages. None goes without.

    Raises:
        InputError: a decay outside [0, 1).
    """

    def __init__(
        self,
        network: nn.Module,
        arguments: Mapping[str, Any],
        objectives: WeightedObjectives,
        optimisation: ConfiguredOptimizer,
        averaging: float | None = None,
    ) -> None:
        super().__init__()
        require(
            averaging is None or 0 <= averaging < 1, f"averaging is {averaging}: it has to be at least 0 and below 1"
        )
        self.network, self.objectives, self.optimisation = network, objectives, optimisation
        self._arguments = dict(arguments)
        self.average: AveragedModel | None = None
        if averaging is not None:
            # With the buffers: the statistics of the batch normalisation have to be those of the averaged weights.
            self.average = AveragedModel(
                self._averaged_parts(), multi_avg_fn=get_ema_multi_avg_fn(averaging), use_buffers=True
            ).requires_grad_(False)
        self.means = nn.ModuleDict(
            {name: MeanMetric(nan_strategy="disable") for name in ("loss", "accuracy", *objectives.parts)}
        )
        self.collected = nn.ModuleDict({split: EmbeddedClasses() for split in ("val", "test", "test_rotated")})
        # A memory is that of its own process's batches.
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self, _memory_names(self))

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings `[B, D]`, by the averaged weights where there are any and the module is not in training."""
        embedding: Tensor = self._part("network").embed(x)  # type: ignore[operator]
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, C]` of the training classes, with the weights that `embed` uses.

        Raises:
            InputError: no softmax objective is trained.
        """
        softmax = self.objectives.softmax
        require(softmax is not None, "objectives has no softmax: without it there are no class logits")
        assert softmax is not None
        logits: Tensor = softmax.scale * self._part("classifier")(self.embed(x))
        return logits

    def _part(self, name: str) -> nn.Module:
        parts = self._averaged_parts() if self.average is None or self.training else self.average.module
        return parts.get_submodule(name)

    def _averaged_parts(self) -> nn.ModuleDict:
        softmax = self.objectives.softmax
        return nn.ModuleDict({"network": self.network, "classifier": softmax.classifier if softmax else nn.Identity()})

    def configure_optimizers(self) -> Any:
        parameters = [*self.network.parameters(), *self.objectives.parameters()]
        return self.optimisation.configure(parameters, lambda: self.trainer.estimated_stepping_batches, "step")

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update_parameters(self._averaged_parts())

    def on_train_start(self) -> None:
        self.optimisation.restore_configuration()

    def augmented(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """The inputs of a training step, changed at random by the generator, which is on the CPU."""
        return inputs

    def learned(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings `[N, D]` and labels `[N]` long that the objectives are given for the inputs of a training step."""
        return self.embed(inputs), labels

    def evaluated(self, inputs: Tensor, labels: Tensor, split: str) -> dict[str, tuple[Tensor, Tensor]]:
        """Embeddings and labels that a batch of `val` or `test` adds to, by the name of the collection."""
        return {split: (self.embed(inputs), labels)}

    @abstractmethod
    def figures(self, embeddings: Tensor, labels: Tensor, collection: str) -> dict[str, Tensor]:
        """Figures of held-out classes, scalars by name: Recall@1 and MAP@R.

        Args:
            embeddings: `[N, D]`, in the order of the data where each item is there once.
            labels: `[N]` long.
            collection: which of `evaluated` they come from.
        """
        return retrieval(embeddings, labels)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs, labels = batch[:2]
        embedding, labels = self.learned(self.augmented(inputs, step_generator(self, batch_idx)), labels)
        losses = self.objectives.losses(embedding, labels)
        loss = self.objectives.total(losses)
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
        """Keep what the figures of `val` or `test` are made of."""
        inputs, labels = batch[:2]
        for name, embedded in self.evaluated(inputs, labels, split).items():
            self.collected[name].update(*embedded)  # type: ignore[operator]

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Embeddings `[B, D]` and labels `[B]`."""
        inputs, labels = batch[:2]
        return {"embedding": self.embed(inputs), "label": labels}

    def on_train_epoch_start(self) -> None:
        for mean in self.means.values():
            mean.reset()  # type: ignore[operator]

    def on_validation_epoch_start(self) -> None:
        self._forget_collected()

    def on_test_epoch_start(self) -> None:
        self._forget_collected()

    def on_validation_epoch_end(self) -> None:
        """Log validation and, where a training epoch has just ended, its means."""
        metrics = self._figures("val")
        if self.trainer.state.fn == TrainerFn.FITTING:
            metrics |= {f"train/{name}": mean.compute() for name, mean in self._means().items()}
            metrics["train/learning_rate"] = torch.tensor(self.optimisation.optimizer.param_groups[0]["lr"])
            metrics["step"] = torch.tensor(float(self.trainer.global_step))
        self.log_dict(metrics)

    def on_test_epoch_end(self) -> None:
        self.log_dict(self._figures("test"))

    def _means(self) -> dict[str, MeanMetric]:
        names = [name for name in self.means if name != "accuracy" or self.objectives.softmax is not None]
        return {name: self.means[name] for name in names}  # type: ignore[misc]

    def _figures(self, split: str) -> dict[str, Tensor]:
        """The figures of each collection of a split, as `split/figure`, and `split/figure_rotated` and the like."""
        metrics: dict[str, Tensor] = {}
        for name, collected in self.collected.items():
            assert isinstance(collected, EmbeddedClasses)
            if name.startswith(split) and collected.update_called:
                suffix = name.removeprefix(split)
                embeddings, labels = (in_order(part, self.trainer.world_size) for part in collected.compute())
                found = self.figures(embeddings, labels, name)
                metrics |= {f"{split}/{figure}{suffix}": value for figure, value in found.items()}
        self._forget_collected()
        return metrics

    def _forget_collected(self) -> None:
        for collected in self.collected.values():
            collected.reset()  # type: ignore[operator]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        prefix = "network." if self.average is None else "average.module.network."
        checkpoint[EMBEDDER_KEY] = describe_embedder(self.network, self._arguments, prefix)


def in_order(rows: Tensor, world: int) -> Tensor:
    """Rows `[N, ...]` process after process, each of which met every `world`-th, as a single process meets them."""
    places = torch.arange(len(rows), device=rows.device)
    met = torch.cat([places[rank::world] for rank in range(world)])
    return rows[met.argsort()]


def _memory_names(module: nn.Module) -> list[str]:
    """Names of the buffers of every Kaiser memory in a module."""
    memories = [(name, part) for name, part in module.named_modules() if isinstance(part, KaiserMemory)]
    return [f"{name}.{buffer}" for name, part in memories for buffer, _ in part.named_buffers()]
