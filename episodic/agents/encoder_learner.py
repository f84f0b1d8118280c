"""What an encoder learns by while its agent plays: objectives, and an optimiser of their own."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.weighted import WeightedObjectives


class Lesson(NamedTuple):
    """What an update learns from."""

    loss: Tensor  # [] with a gradient to encoder and objectives, and to nothing else
    accuracy: Tensor  # [] share of the examples that the classifier told right; NaN where there is none

    @property
    def figures(self) -> Tensor:
        """Loss and accuracy `[2]`, without the gradient."""
        return torch.stack([self.loss.detach(), self.accuracy])


class EncoderLearner(nn.Module):
    """The objectives of an encoder that learns while its agent plays, and their optimiser.

    Args:
        objectives: what it is trained by.
        optimisation: its optimiser.
    """

    def __init__(self, objectives: WeightedObjectives, optimisation: ConfiguredOptimizer) -> None:
        super().__init__()
        self.objectives, self.optimisation = objectives, optimisation

    def configure(self, network: nn.Module, blocks: Callable[[], float]) -> dict[str, Any]:
        """The encoder's optimiser, as `configure_optimizers` returns it; `blocks()` is their number in the training."""
        return self.optimisation.configure(self.learned(network), blocks, "step")

    def learned(self, network: nn.Module) -> list[nn.Parameter]:
        """All that a lesson has a gradient to."""
        return [p for p in [*network.parameters(), *self.objectives.parameters()] if p.requires_grad]

    def lesson_of(self, network: nn.Module, inputs: Tensor, labels: Tensor) -> Lesson:
        """The loss of inputs `[M, ...]` with labels `[M]` long; the network is in evaluation mode again afterwards."""
        network.train()  # statistics of these very inputs; searching goes by the running ones
        embedding: Tensor = network.embed(inputs)  # type: ignore[operator]
        network.eval()
        loss: Tensor = self.objectives(embedding, labels)
        softmax = self.objectives.softmax
        if softmax is None:
            return Lesson(loss, loss.new_full((), float("nan")))
        with torch.no_grad():
            return Lesson(loss, (softmax.cosines(embedding).argmax(dim=1) == labels).float().mean())

    def metrics(self, figures: Sequence[Tensor]) -> dict[str, Tensor]:
        """Mean loss and, with a classifier, mean accuracy of some lessons' figures, by the names that they log."""
        loss, accuracy = torch.stack(list(figures)).mean(dim=0)
        metrics = {"train/encoder_loss": loss}
        if self.objectives.softmax is not None:
            metrics["train/encoder_accuracy"] = accuracy
        return metrics


def no_gradient(parameters: Iterable[nn.Parameter]) -> Tensor:
    """0, with a gradient of 0 to every parameter: distributed processes wait for all of them in each backward pass."""
    learning = [parameter.sum() for parameter in parameters if parameter.requires_grad]
    return torch.stack(learning).sum() * 0 if learning else torch.zeros(())
