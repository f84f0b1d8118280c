"""Stage 1: the Omniglot encoder."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torchmetrics import MeanMetric

from episodic.checkpoints import TeacherEnsemble, Teachers
from episodic.drawings.augmentation import Augmentation, augment, require_strengths
from episodic.drawings.embedding_cache import as_floats
from episodic.drawings.images import SMALLEST
from episodic.drawings.registration import Displacements, HandwritingVariation, same_class_pairs
from episodic.drawings.symmetries import TURNS
from episodic.errors import require, require_positive
from episodic.memory.parallel_kaiser import ParallelKaiserMemories
from episodic.metrics.alphabets import alphabet_metrics
from episodic.metrics.few_shot import FEW_SHOT, few_shot_metrics
from episodic.metrics.streams import stream_metrics
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.objectives.distillation import distillation_loss
from episodic.objectives.objectives import Objectives
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import Schedule
from lightning_modules.encoder import SOFTMAX_ALONE, Encoder

#: Runs within each alphabet, by split.
RUNS = {"val": 20, "test": 100}

#: The most pairs of training drawings of the same character that the projection of joined turns is fitted to.
PROJECTED = 500


class OmniglotEncoder(Encoder):
    """Train an embedder of drawings on character classes; later stages use its `embed(drawing)`.

    All metrics of validation and test concern classes that training never sees: Recall@1, MAP@R, few-shot accuracy,
    error within alphabets and, in a test, accuracy in a stream. The last three need enough classes. `forward` returns
    the logits of the training classes.

    Args:
        network: builds the embedder from the side of its drawings.
        objectives: the losses; None is only softmax.
        teachers: trained encoders whose similarities this one learns besides its objectives; None has no teachers. Only
            a training needs their checkpoints.
        augmentation: strengths of the random deformations of training drawings; None deforms none.
        variation: further deformations, learned from all training classes when a training starts; None has none.
        averaging: decay of a moving average of the weights, which validation, test and later stages use; None keeps no
            average.
        few_shot_episodes: number of episodes, or streams, that an accuracy averages over, the same every time.
        rotated_test: whether a test also treats the quarter turns of its classes as separate classes.
        image_size: side of the drawings that the network computes with; None takes the data's.
        classes: number of training classes; None takes the data's.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate by training progress; None keeps the rate constant.

    Raises:
        InputError: a number is out of its range, or a name is unknown. `setup` raises it if the sizes differ from the
            data's, or if the training data have no two drawings of a class, which `variation` and a network that
            joins turns need.
    """

    network: OmniglotEmbedder
    ensemble: TeacherEnsemble | None
    displacements: Displacements | None

    def __init__(
        self,
        network: Callable[[int], OmniglotEmbedder] = OmniglotEmbedder,
        objectives: Objectives | None = None,
        teachers: Teachers | None = None,
        augmentation: Augmentation | None = None,
        variation: HandwritingVariation | None = None,
        averaging: float | None = None,
        few_shot_episodes: int = 1000,
        rotated_test: bool = True,
        image_size: int | None = None,
        classes: int | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        require_positive(few_shot_episodes=few_shot_episodes)
        require_strengths(**(augmentation or {}))
        embedder = network(image_size or SMALLEST)
        super().__init__(
            embedder,
            (objectives or SOFTMAX_ALONE).build(embedder.embedding_size, classes),
            ConfiguredOptimizer(optimizer, learning_rate_schedule),
            averaging,
        )
        self.save_hyperparameters()
        self.image_size, self.classes = embedder.image_size, classes
        self.augmentation: Augmentation = augmentation or {}
        self.variation, self.displacements = variation, None
        self.projected = False  # whether the projection of joined turns was fitted to the present weights
        self.few_shot_episodes, self.rotated_test = few_shot_episodes, rotated_test
        self.teachers, self.ensemble = teachers, None
        if teachers is not None:
            self.means["distillation"] = MeanMetric(nan_strategy="disable")

    def setup(self, stage: str) -> None:
        """Check that the network's drawings and, for training, its classes are the data's; prepare a training."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        sizes = data.sizes
        own = {"image_size": self.image_size}
        if stage == "fit" and self.objectives.softmax is not None and "classes" in sizes:
            own["classes"] = self.classes or 0
        for name, size in own.items():
            require(sizes[name] == size, f"model.{name} is {size}: the data's is {sizes[name]}")
        if stage != "fit":
            return
        turns = self.network.turns
        for setting, used in (("variation", self.variation is not None), (f"network.turns {turns}", turns > 1)):
            if used:
                missing = f"model.{setting} needs training drawings: a {type(data).__name__} has no training part"
                require(hasattr(data, "train"), missing)
                alone = f"model.{setting} needs two drawings or more of some training class"
                require(int(data.train.labels.bincount().max()) > 1, alone)
        if self.teachers is not None:
            self.ensemble = self.teachers.load()
        if self.variation is not None:
            self.displacements = self.variation.learn(data.train.images, data.train.labels)

    def on_train_start(self) -> None:
        super().on_train_start()
        if self.ensemble is not None:
            self.ensemble.to(self.device)
        if self.displacements is not None:
            self.displacements.to(self.device)
        self.projected = False

    def on_train_batch_start(self, *args: Any) -> None:
        self.projected = False

    def on_validation_start(self) -> None:
        self._fit_projection()

    def on_train_end(self) -> None:
        self._fit_projection()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        self._fit_projection()  # in place, so that the checkpoint's state has it

    def _fit_projection(self) -> None:
        """In a training, fit the network's projection of joined turns to its current weights and training drawings."""
        if self.network.turns == 1:
            return
        trainer = self.trainer
        if trainer.state.fn != TrainerFn.FITTING or self.projected:
            return
        part = trainer.datamodule.train  # type: ignore[attr-defined]
        pairs = min(PROJECTED, len(part.labels) // 2)
        rows = torch.cat(same_class_pairs(part.labels, pairs, torch.Generator().manual_seed(0)))
        images = trainer.precision_plugin.convert_input(as_floats(part.images[rows]).to(self.device))
        averaged = self._averaged_parts() if self.average is None else self.average.module
        network = averaged.get_submodule("network")
        assert isinstance(network, OmniglotEmbedder)
        with trainer.precision_plugin.forward_context():
            network.fit_projection(images, part.labels[rows].to(self.device))
        self.network.projection.copy_(network.projection)  # in both, so that averaging leaves it unchanged
        self.projected = True

    def augmented(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Deform each of the drawings `[B, 1, S, S]` in its own way."""
        displacement = None if self.displacements is None else self.displacements.sample(inputs, generator)
        return augment(inputs, generator, displacement, **self.augmentation)

    def further_losses(self, inputs: Tensor, embedding: Tensor) -> dict[str, tuple[Tensor, float]]:
        """Compare the similarities of the drawings with the teachers', if there are any."""
        if self.teachers is None or self.ensemble is None:
            return {}
        loss = distillation_loss(embedding, self.ensemble.similarity(inputs))
        return {"distillation": (loss, self.teachers.weight)}

    def evaluated(self, inputs: Tensor, labels: Tensor, split: str) -> dict[str, tuple[Tensor, Tensor]]:
        """Embed the drawings and, in a test, their quarter turns."""
        if split != "test" or not self.rotated_test:
            return super().evaluated(inputs, labels, split)
        network = self._part("network")
        assert isinstance(network, OmniglotEmbedder)
        embeddings = network.embed_turns(inputs)
        turned = torch.cat([TURNS * labels + turn for turn in range(TURNS)])
        return {split: (embeddings[0], labels), f"{split}_rotated": (embeddings.flatten(0, 1), turned)}

    def metrics(self, embeddings: Tensor, labels: Tensor, collection: str) -> dict[str, Tensor]:
        """Return the metrics that the class lists; those within alphabets only for drawings that are not turned."""
        split = "test" if self.trainer.testing else "val"
        metrics = super().metrics(embeddings, labels, collection)
        metrics |= few_shot_metrics(embeddings, labels, FEW_SHOT[split], self.few_shot_episodes)
        if collection == split:
            part = getattr(self.trainer.datamodule, split)  # type: ignore[attr-defined]
            metrics |= alphabet_metrics(embeddings, labels, part.alphabets, RUNS[split])
        if split == "test":
            metrics |= stream_metrics(ParallelKaiserMemories, embeddings, labels, self.few_shot_episodes)
        return metrics
