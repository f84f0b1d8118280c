"""An agent's encoder of states goes on learning while the agent plays, from what its memory holds."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor, nn

from errors import require_positive
from lightning_modules.optimisation import ConfiguredOptimizer
from losses.objectives import (
    KaiserSettings,
    SoftmaxSettings,
    TripletSettings,
    WeightedObjectives,
    build_objectives,
)
from memory.episodic_memory import EpisodicMemory
from memory.sampling import draw_stored
from networks.hidden_state_embedder import HiddenStateEmbedder


class OnlineLearning:
    """How the encoder learns online; the examples are stored states, and their classes the contexts' labels.

    Args:
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is softmax alone.
        softmax: settings of the softmax objective, see `losses.objectives.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `losses.objectives.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `losses.objectives.KaiserObjective`.
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
        """The objectives, for keys of this length; see `losses.objectives.build_objectives`."""
        settings = {"softmax": self.softmax, "triplet": self.triplet, "kaiser": self.kaiser}
        return build_objectives(self.weights, embedding_size, classes, **settings)  # type: ignore[arg-type]


class Lesson(NamedTuple):
    """What an update learns from."""

    loss: Tensor  # [] with a gradient to encoder and objectives, and to nothing else
    accuracy: Tensor  # [] share of the examples that the classifier told right; NaN where there is none


class OnlineLearner(nn.Module):
    """The objectives of an encoder that learns online, and their optimiser.

    Args:
        settings: how it learns.
        embedding_size: length of a key.
        classes: number of labels.

    Raises:
        InputError: an unknown objective, a setting out of its range.
    """

    def __init__(self, settings: OnlineLearning, embedding_size: int, classes: int) -> None:
        super().__init__()
        self.settings = settings
        self.objectives = settings.build(embedding_size, classes)
        self.optimisation = ConfiguredOptimizer(settings.optimizer, None)

    def configure(self, encoder: HiddenStateEmbedder) -> dict[str, Any]:
        """The encoder's optimiser, as `configure_optimizers` returns it."""
        return self.optimisation.configure(self.learned(encoder), lambda: 1, "step")

    def learned(self, encoder: HiddenStateEmbedder) -> list[nn.Parameter]:
        """All that a lesson has a gradient to."""
        return [*encoder.parameters(), *self.objectives.parameters()]

    def due(self, episode: int) -> bool:
        """Whether the encoder learns after a block's episode, from 0."""
        return (episode + 1) % self.settings.every == 0

    def lesson(self, encoder: HiddenStateEmbedder, memory: EpisodicMemory, generator: torch.Generator) -> Lesson:
        """The loss of stored states that the generator, on the CPU, draws."""
        states, labels = draw_stored(memory, self.settings.examples, generator)
        encoder.train()  # statistics of these very states; searching goes by the running ones
        embedding = encoder.embed(states)
        encoder.eval()
        loss: Tensor = self.objectives(embedding, labels)
        softmax = self.objectives.softmax
        if softmax is None:
            return Lesson(loss, loss.new_full((), float("nan")))
        with torch.no_grad():
            return Lesson(loss, (softmax.cosines(embedding).argmax(dim=1) == labels).float().mean())

    def refresh(self, encoder: HiddenStateEmbedder, memory: EpisodicMemory) -> None:
        """Make the stored keys again by what the encoder has become."""
        if self.settings.refresh:
            memory.rekey(encoder.embed)


def no_gradient(parameters: Iterable[nn.Parameter]) -> Tensor:
    """0, with a gradient of 0 to every parameter: distributed processes wait for all of them in each backward pass."""
    return torch.stack([parameter.sum() for parameter in parameters if parameter.requires_grad]).sum() * 0
