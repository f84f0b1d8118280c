"""Stage 1: the Omniglot encoder."""

from typing import Any

import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor

from episodic.drawings.augmentation import Augmentation, augment, require_strengths
from episodic.drawings.embedding import with_rotations
from episodic.errors import require, require_positive
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.metrics.class_rows import class_rows, classes_with
from episodic.metrics.few_shot_table import FEW_SHOT, few_shot_figures
from episodic.metrics.sequential import sequential_accuracy
from episodic.metrics.within_alphabet import within_alphabet_error
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.objectives.objectives import KaiserSettings, SoftmaxSettings, TripletSettings, build_objectives
from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.schedules import Schedule
from lightning_modules.encoder import Encoder

#: Classes of a stream, and of those times that a class is met in it that have a figure: after 1, 2, 5 and 10 examples.
STREAM_WAYS, TIMES = (5, 20), (2, 3, 6, 11)
#: Characters of a run within an alphabet, and how many runs each alphabet gets.
CHARACTERS, RUNS = 20, {"val": 20, "test": 100}


class OmniglotEncoder(Encoder):
    """An encoder of drawings, trained on classes; `embed(drawing)` is what later stages use.

    Every figure of validation and test is of classes that it was not trained on: Recall@1, MAP@R, few-shot accuracy,
    error within alphabets and, in a test, accuracy in a stream; the last three where there are classes enough.
    `forward` gives the logits of the training classes.

    Args:
        embedding_size: length D of the embedding.
        backbone: `residual` or `convolutional`.
        channels: of the backbone.
        views: whether the embedding outside training is a mean over slight deformations of the drawing, for five
            times the work; see `episodic.networks.omniglot_embedder.OmniglotEmbedder`.
        image_size: side of the drawings that the network works at; None takes the data's.
        classes: number of training classes; None takes the data's.
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is softmax alone.
        softmax: settings of the softmax objective, see `episodic.objectives.objectives.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `episodic.objectives.objectives.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `episodic.objectives.objectives.KaiserObjective`.
        augmentation: how strongly the training drawings are changed at random; None leaves them as they are.
        averaging: decay of the moving average of the weights that validation, test and later stages use; None goes
            without.
        few_shot_episodes: episodes, or streams, that an accuracy is the mean of, always the same ones.
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
        views: bool = False,
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
        network: dict[str, Any] = {
            "embedding_size": embedding_size,
            "backbone": backbone,
            "image_size": size,
            "channels": channels,
            "views": views,
        }
        super().__init__(
            OmniglotEmbedder(**network),
            network,
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

    def figures(self, embeddings: Tensor, labels: Tensor, collection: str) -> dict[str, Tensor]:
        """Everything that the class's docstring names; the alphabets are those of the data as they are."""
        split = "test" if self.trainer.testing else "val"
        found = super().figures(embeddings, labels, collection)
        found |= few_shot_figures(embeddings, labels, FEW_SHOT[split], self.few_shot_episodes)
        if collection == split:
            part = getattr(self.trainer.datamodule, split)  # type: ignore[attr-defined]
            found |= alphabet_figures(embeddings, labels, part.alphabets, RUNS[split])
        if split == "test":
            found |= stream_figures(embeddings, labels, self.few_shot_episodes)
        return found


def alphabet_figures(embeddings: Tensor, labels: Tensor, alphabets: Tensor, runs: int) -> dict[str, Tensor]:
    """`within_alphabet_error`, the mean over alphabets and runs; see `episodic.metrics.within_alphabet.within_alphabet_error`.

    The runs are always the same ones. Left out where no alphabet has characters enough, or not all drawings are there.

    Args:
        embeddings: `[N, D]`, those of a character in the order of their drawers.
        labels: `[N]` long.
        alphabets: `[C]` long, of each label.
        runs: how many each alphabet gets.
    """
    drawings = labels.bincount(minlength=len(alphabets))
    fewest, most = (int(count) for count in drawings.aminmax())
    if not fewest == most >= 2 or int(alphabets.bincount().max()) < CHARACTERS:
        return {}
    generator = torch.Generator().manual_seed(CHARACTERS)
    found = within_alphabet_error(embeddings, labels, alphabets, ways=CHARACTERS, runs=runs, generator=generator)
    return {"within_alphabet_error": found.errors.mean()}


def stream_figures(embeddings: Tensor, labels: Tensor, episodes: int) -> dict[str, Tensor]:
    """Accuracies the k-th time that a class is met, by names such as `20way_presentation_02`.

    See `episodic.metrics.sequential.sequential_accuracy`; the memory has room for everything. The streams are always the same
    ones. Left out where there are too few classes with so many drawings.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        episodes: streams that a figure is the mean of.
    """
    most = max(TIMES)
    found: dict[str, Tensor] = {}
    available = len(classes_with(class_rows(labels), most).labels)
    for ways in (ways for ways in STREAM_WAYS if ways <= available):
        accuracy = sequential_accuracy(
            KaiserMemory(ways * most, embeddings.shape[1]),
            embeddings,
            labels,
            ways=ways,
            presentations=most,
            episodes=episodes,
            generator=torch.Generator().manual_seed(100 * ways + most),
        ).mean(dim=0)
        found |= {f"{ways}way_presentation_{time:02d}": accuracy[time - 1] for time in TIMES}
    return found
