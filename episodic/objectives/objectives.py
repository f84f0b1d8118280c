"""The settings that name the losses of an encoder."""

from dataclasses import dataclass

from episodic.errors import require
from episodic.objectives.kaiser import KaiserConfig
from episodic.objectives.objective import Objective
from episodic.objectives.softmax import SoftmaxConfig
from episodic.objectives.triplet import TripletConfig
from episodic.objectives.weighted import WeightedObjectives

#: Names of the losses, in the order in which they are built and added.
OBJECTIVES = ("softmax", "triplet", "kaiser")


@dataclass(frozen=True)
class Objectives:
    """Settings of the losses that train an encoder; a loss that is None is left out.

    Args:
        softmax: classify the training classes; needs their number.
        triplet: compare triplets of a batch.
        kaiser: compare embeddings with a memory of earlier ones.

    >>> objectives = Objectives(softmax=SoftmaxConfig(scale=16.0), triplet=TripletConfig(weight=0.5))
    >>> objectives.build(embedding_size=8, classes=4).weights
    {'softmax': 1.0, 'triplet': 0.5}
    """

    softmax: SoftmaxConfig | None = None
    triplet: TripletConfig | None = None
    kaiser: KaiserConfig | None = None

    @property
    def configs(self) -> dict[str, SoftmaxConfig | TripletConfig | KaiserConfig]:
        """The settings of each loss that takes part, by name."""
        configs = {"softmax": self.softmax, "triplet": self.triplet, "kaiser": self.kaiser}
        return {name: config for name, config in configs.items() if config is not None and config.weight != 0}

    def build(self, embedding_size: int, classes: int | None = None) -> WeightedObjectives:
        """Build the losses for embeddings of length `embedding_size`.

        Args:
            embedding_size: length D of an embedding.
            classes: number of training classes, needed only by `softmax`.

        Raises:
            InputError: No loss has a weight above 0, a setting is out of range, or softmax has no number of classes.
        """
        parts: dict[str, tuple[Objective, float]] = {}
        for name, config in self.configs.items():
            require(config.weight >= 0, f"objectives.{name}.weight is {config.weight}: it must be 0 or more")
            parts[name] = (config.build(embedding_size, classes), config.weight)
        return WeightedObjectives(parts)
