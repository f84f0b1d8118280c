"""An agent's encoder of states goes on learning while the agent plays, from what its memory holds."""

from typing import Any

import torch

from episodic.agents.encoder_learner import EncoderLearner, Lesson
from episodic.errors import require_choice, require_positive
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.sampling import draw_stored
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives.kaiser import KaiserConfig
from episodic.objectives.objectives import OBJECTIVES, Objectives
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.softmax import SoftmaxConfig
from episodic.objectives.triplet import TripletConfig
from episodic.objectives.weighted import WeightedObjectives

CONFIGS: dict[str, Any] = {"softmax": SoftmaxConfig, "triplet": TripletConfig, "kaiser": KaiserConfig}


class OnlineLearning:
    """How the encoder learns online; the examples are stored states, and their classes the contexts' labels.

    Args:
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is softmax alone.
        softmax: settings of the softmax objective, see `episodic.objectives.softmax.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `episodic.objectives.triplet.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `episodic.objectives.kaiser.KaiserObjective`.
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
        softmax: dict[str, Any] | None = None,
        triplet: dict[str, Any] | None = None,
        kaiser: dict[str, Any] | None = None,
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
        """The objectives, for keys of this length; see `episodic.objectives.objectives.Objectives.build`."""
        settings, configs = {"softmax": self.softmax, "triplet": self.triplet, "kaiser": self.kaiser}, {}
        for name, weight in self.weights.items():
            require_choice("objectives", name, OBJECTIVES)
            configs[name] = CONFIGS[name](weight=weight, **(settings[name] or {}))
        return Objectives(**configs).build(embedding_size, classes)


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

    def lesson(self, encoder: HiddenStateEmbedder, memory: EpisodicMemory, generator: torch.Generator) -> Lesson:
        """The loss of stored states that the generator, on the CPU, draws."""
        return self.lesson_of(encoder, *draw_stored(memory, self.settings.examples, generator))

    def refresh(self, encoder: HiddenStateEmbedder, memory: EpisodicMemory) -> None:
        """Make the stored keys again by what the encoder has become."""
        if self.settings.refresh:
            memory.rekey(encoder.embed)
