"""A weighted sum of objectives."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from episodic.errors import require, require_positive
from episodic.objectives.objective import Objective
from episodic.objectives.softmax import SoftmaxObjective


class WeightedObjectives(nn.Module):
    """Compute a weighted sum of objectives, in full precision, also for an embedding of another type.

    Args:
        parts: objective and weight by name.

    Raises:
        InputError: there is no objective, or a weight is not positive.

    >>> from episodic.objectives.triplet import TripletObjective
    >>> triplet = TripletObjective(margin=0.5, miner="batch_hard")
    >>> objectives = WeightedObjectives({"triplet": (triplet, 2.0)})
    >>> embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> objectives(embedding, torch.tensor([0, 0, 1]))
    tensor(2.)
    """

    def __init__(self, parts: Mapping[str, tuple[Objective, float]]) -> None:
        super().__init__()
        require(len(parts) > 0, "objectives is empty: it must name one or more of softmax, triplet, kaiser")
        require_positive(**{f"objectives.{name}.weight": weight for name, (_, weight) in parts.items()})
        self.parts = nn.ModuleDict({name: objective for name, (objective, _) in parts.items()})
        self.weights = {name: weight for name, (_, weight) in parts.items()}

    @property
    def softmax(self) -> SoftmaxObjective | None:
        """The objective that classifies, or None."""
        return next((part for part in self.parts.values() if isinstance(part, SoftmaxObjective)), None)

    def losses(self, embedding: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the unweighted loss of each objective by name, for embeddings `[B, D]` and labels `[B]` long."""
        # Half precision resolves cosines to three digits, and a scale of 30 would amplify the error to one.
        with torch.autocast(embedding.device.type, enabled=False):
            full = embedding.to(torch.promote_types(embedding.dtype, torch.float32))
            return {name: part(full, labels) for name, part in self.parts.items()}

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of the losses that `losses` returned."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """Return the weighted sum for embeddings `[B, D]` and labels `[B]` long, a scalar."""
        return self.total(self.losses(embedding, labels))
