"""An agent's encoder of states goes on learning while the agent plays, from what its memory holds."""

import torch

from episodic.agents.encoder_learner import EncoderLearner, Lesson
from episodic.errors import require_positive
from episodic.memory.memory import Memory
from episodic.memory.sampling import draw_stored
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives.objectives import (
    KaiserSettings,
    SoftmaxSettings,
    TripletSettings,
    WeightedObjectives,
    build_objectives,
)
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable


class OnlineLearning:
    """How the encoder learns online; the examples are stored states, and their classes the contexts' labels.

    Args:
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is softmax alone.
        softmax: settings of the softmax objective, see `episodic.objectives.objectives.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `episodic.objectives.objectives.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `episodic.objectives.objectives.KaiserObjective`.
        optimizer: builds the encoder's own optimiser, with its learning rate.
        every: episodes between two updates.
        examples: how many of the stored states an update learns from.
        refresh: whether an update makes the stored keys again; else they stay as the encoder of their time made them.

    Raises:
        InputError: a number that is not positive.
    """

    def __init__(
        self,
        objectives: dict[str, float] | None = None,
        softmax: SoftmaxSettings | None = None,
        triplet: TripletSettings | None = None,
        kaiser: KaiserSettings | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        every: int = 1,
        examples: int = 256,
        refresh: bool = True,
    ) -> None:
        require_positive(every=every, examples=examples)
        self.weights = {"softmax": 1.0} if objectives is None else objectives
        self.softmax, self.triplet, self.kaiser = softmax, triplet, kaiser
        self.optimizer, self.every, self.examples, self.refresh = optimizer, every, examples, refresh

    def build(self, embedding_size: int, classes: int) -> WeightedObjectives:
        """The objectives, for keys of this length; see `episodic.objectives.objectives.build_objectives`."""
        settings = {"softmax": self.softmax, "triplet": self.triplet, "kaiser": self.kaiser}
        return build_objectives(self.weights, embedding_size, classes, **settings)  # type: ignore[arg-type]


class OnlineLearner(EncoderLearner):
    """The objectives of an encoder that learns online, and their optimiser.

    Args:
        settings: how it learns.
        embedding_size: length of a key.
        classes: number of labels.

    Raises:
        InputError: an unknown objective, a setting out of its range.
    """

    def __init__(self, settings: OnlineLearning, embedding_size: int, classes: int) -> None:
        super().__init__(settings.build(embedding_size, classes), ConfiguredOptimizer(settings.optimizer, None))
        self.settings = settings

    def due(self, episode: int) -> bool:
        """Whether the encoder learns after a block's episode, from 0."""
        return (episode + 1) % self.settings.every == 0

    def lesson(self, encoder: HiddenStateEmbedder, memory: Memory, generator: torch.Generator) -> Lesson:
        """The loss of stored states that the generator, on the CPU, draws."""
        return self.lesson_of(encoder, *draw_stored(memory, self.settings.examples, generator))

    def refresh(self, encoder: HiddenStateEmbedder, memory: Memory) -> None:
        """Make the stored keys again by what the encoder has become."""
        if self.settings.refresh:
            memory.rekey(encoder.embed)
