"""Stage 1: the Omniglot encoder."""

from typing import TypedDict

import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor

from errors import require, require_positive
from lightning_modules.encoder import Encoder
from lightning_modules.optimisation import ConfiguredOptimizer
from losses.objectives import KaiserSettings, SoftmaxSettings, TripletSettings, build_objectives
from losses.schedules import Schedule
from networks.augmentation import augment, require_strengths
from networks.class_rows import class_rows, classes_with
from networks.few_shot import few_shot_accuracy, with_rotations
from networks.omniglot_encoder import OmniglotEmbedder

#: Ways and shots of the few-shot figures of each split.
FEW_SHOT = {"val": ((20, 1),), "test": ((5, 1), (5, 5), (20, 1), (20, 5))}


class Augmentation(TypedDict, total=False):
    """Strengths of `networks.augmentation.augment`; those that are left out are 0."""

    degrees: float
    scale: float
    shear: float
    translate: float
    stroke: float
    elastic: float


class OmniglotEncoder(Encoder):
    """An encoder of drawings, trained on classes; `embed(drawing)` is what later stages use.

    Every figure of validation and test is of classes that it was not trained on: Recall@1 and few-shot accuracy,
    the latter where there are classes enough. `forward` gives the logits of the training classes.

    Args:
        embedding_size: length D of the embedding.
        backbone: `residual` or `convolutional`.
        channels: of the backbone.
        image_size: side of the drawings that the network works at; None takes the data's.
        classes: number of training classes; None takes the data's.
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is softmax alone.
        softmax: settings of the softmax objective, see `losses.objectives.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `losses.objectives.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `losses.objectives.KaiserObjective`.
        augmentation: how strongly the training drawings are changed at random; None leaves them as they are.
        averaging: decay of the moving average of the weights that validation, test and later stages use; None goes
            without.
        few_shot_episodes: episodes that a few-shot accuracy is the mean of, always the same ones.
        rotated_test: also test with the classes' quarter turns as classes of their own.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.

    Raises:
        InputError: a number out of its range, an unknown backbone, objective or miner; sizes that are not the data's.
    """

    def __init__(
        self,
        embedding_size: int = 128,
        backbone: str = "residual",
        channels: int = 64,
        image_size: int | None = None,
        classes: int | None = None,
        objectives: dict[str, float] | None = None,
        softmax: SoftmaxSettings | None = None,
        triplet: TripletSettings | None = None,
        kaiser: KaiserSettings | None = None,
        augmentation: Augmentation | None = None,
        averaging: float | None = None,
        few_shot_episodes: int = 1000,
        rotated_test: bool = True,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        require_positive(few_shot_episodes=few_shot_episodes)
        require_strengths(**(augmentation or {}))
        size = image_size or 28
        weights = {"softmax": 1.0} if objectives is None else objectives
        super().__init__(
            OmniglotEmbedder(embedding_size, backbone, size, channels),
            {"embedding_size": embedding_size, "backbone": backbone, "image_size": size, "channels": channels},
            build_objectives(weights, embedding_size, classes, softmax=softmax, triplet=triplet, kaiser=kaiser),
            ConfiguredOptimizer(optimizer, learning_rate_schedule),
            averaging,
        )
        self.save_hyperparameters()
        self.image_size, self.classes = size, classes
        self.augmentation: Augmentation = augmentation or {}
        self.few_shot_episodes, self.rotated_test = few_shot_episodes, rotated_test

    def setup(self, stage: str) -> None:
        """Check that the data's drawings and, for training, its classes are the network's."""
        sizes = self.trainer.datamodule.sizes  # type: ignore[attr-defined]
        wanted = {"image_size": self.image_size}
        if stage == "fit" and self.objectives.softmax is not None and "classes" in sizes:
            wanted["classes"] = self.classes or 0
        for name, size in wanted.items():
            require(sizes[name] == size, f"model.{name} is {size}: the data's is {sizes[name]}")

    def augmented(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Drawings `[B, 1, S, S]`, each deformed in its own way."""
        return augment(inputs, generator, **self.augmentation)

    def evaluated(self, inputs: Tensor, labels: Tensor, split: str) -> dict[str, tuple[Tensor, Tensor]]:
        """Embeddings of the drawings as they are and, in a test, of their quarter turns."""
        if split != "test" or not self.rotated_test:
            return super().evaluated(inputs, labels, split)
        embeddings, turned = with_rotations(self.embed, inputs, labels)
        return {split: (embeddings[: len(labels)], labels), f"{split}_rotated": (embeddings, turned)}

    def figures(self, embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Recall@1 and few-shot accuracies; see `networks.few_shot.few_shot_accuracy`."""
        split = "test" if self.trainer.testing else "val"
        found, table = super().figures(embeddings, labels), class_rows(labels)
        for ways, shots in FEW_SHOT[split]:
            if ways <= len(classes_with(table, shots + 1).labels):
                generator = torch.Generator().manual_seed(ways * 100 + shots)
                accuracy = few_shot_accuracy(
                    embeddings, labels, ways=ways, shots=shots, episodes=self.few_shot_episodes, generator=generator
                )
                found[f"{ways}way_{shots}shot"] = accuracy.mean()
        return found
