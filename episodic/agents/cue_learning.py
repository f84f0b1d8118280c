"""An agent's encoder of drawings learns while the agent plays, from the drawings that its memory holds."""

import torch
from torch import Tensor, nn

from episodic.agents.encoder_learner import EncoderLearner, Lesson
from episodic.agents.online_learning import OnlineLearning
from episodic.drawings.augmentation import Augmentation, augment, require_strengths
from episodic.drawings.embedding_cache import as_floats
from episodic.errors import require, require_choice, require_positive
from episodic.memory.memory import Memory
from episodic.memory.sampling import draw_stored
from episodic.objectives.objectives import KaiserSettings, SoftmaxSettings, TripletSettings
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import Schedule

LABELS = ("context", "episode")


class CueLearning(OnlineLearning):
    """How the encoder of drawings learns; the examples are the drawings that the memories hold at a block's end.

    Ritter et al. 2018 leave this as future work: keys that are trained by a contrastive loss on the memory's contents
    (Kaiser et al. 2017) while the agent learns. The encoder stays as it is for the length of a block, so that its keys
    and queries always go together.

    Args:
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is `kaiser` alone.
        softmax: settings of the softmax objective, see `episodic.objectives.objectives.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `episodic.objectives.objectives.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `episodic.objectives.objectives.KaiserObjective`.
        optimizer: builds the encoder's own optimiser, with its learning rate.
        learning_rate_schedule: factor of that learning rate over the course of training; None keeps it.
        updates: of the encoder after each block.
        examples: how many of the stored drawings an update learns from.
        labels: what belongs together: the stored drawings of a `context`; or, without any label, what was seen in the
            same `episode`, which is one drawing at several glances, each deformed in its own way. For want of classes
            to remember, that takes `triplet` as the objective and some augmentation.
        augmentation: how strongly the drawings are changed at random; None leaves them as they are.

    Raises:
        InputError: a number that is not positive, unknown labels, an objective that does not go with them.
    """

    def __init__(
        self,
        objectives: dict[str, float] | None = None,
        softmax: SoftmaxSettings | None = None,
        triplet: TripletSettings | None = None,
        kaiser: KaiserSettings | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        learning_rate_schedule: Schedule | None = None,
        updates: int = 10,
        examples: int = 256,
        labels: str = "context",
        augmentation: Augmentation | None = None,
    ) -> None:
        weights = {"kaiser": 1.0} if objectives is None else objectives
        super().__init__(weights, softmax, triplet, kaiser, optimizer, every=1, examples=examples, refresh=False)
        require_positive(updates=updates)
        require_choice("cue_learning.labels", labels, LABELS)
        self.augmentation: Augmentation = augmentation or {}
        require_strengths(**self.augmentation)
        self.learning_rate_schedule, self.updates, self.labels = learning_rate_schedule, updates, labels
        if labels == "episode":
            require(examples >= 2, f"cue_learning.examples is {examples}: labels 'episode' take two of each drawing")
            require(
                set(weights) == {"triplet"},
                f"cue_learning.objectives are {', '.join(weights)}: labels 'episode' take triplet alone",
            )
            require(
                any(self.augmentation.values()),
                "cue_learning.augmentation is null: labels 'episode' need drawings that look different at each glance",
            )


class CueLearner(EncoderLearner):
    """The objectives of an encoder of drawings that learns while its agent plays, and their optimiser.

    Args:
        settings: how it learns.
        embedding_size: length of an embedding.
        classes: number of labels.

    Raises:
        InputError: an unknown objective, a setting out of its range.
    """

    def __init__(self, settings: CueLearning, embedding_size: int, classes: int) -> None:
        optimisation = ConfiguredOptimizer(settings.optimizer, settings.learning_rate_schedule)
        super().__init__(settings.build(embedding_size, classes), optimisation)
        self.settings = settings

    def lesson(self, network: nn.Module, memory: Memory, images: Tensor, generator: torch.Generator) -> Lesson:
        """The loss of stored drawings that the generator, on the CPU, draws and deforms.

        Args:
            network: with `embed`; in evaluation mode again afterwards.
            memory: whose sources are rows of `images`.
            images: drawings `[N, S, S]` uint8.
            generator: on the CPU.
        """
        return self.lesson_of(network, *self.examples(memory, images, generator))

    def examples(self, memory: Memory, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Deformed drawings `[M, 1, S, S]` and their labels `[M]` long."""
        glances = 2 if self.settings.labels == "episode" else 1
        sources, labels = draw_stored(memory, self.settings.examples // glances, generator)
        rows = sources.squeeze(1).long().repeat(glances)
        if glances > 1:
            labels = torch.arange(len(labels), device=labels.device)
        drawings = as_floats(images[rows.to(images.device)].to(labels.device))
        return augment(drawings, generator, **self.settings.augmentation), labels.repeat(glances)
