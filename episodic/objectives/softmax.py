"""The softmax objective: a cosine classifier of the training classes with an additive margin."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from episodic.errors import InputError, require_positive
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.objectives.objective import Objective, require_labels, require_margin


def additive_margin_loss(cosines: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
    """Compute the softmax cross-entropy of scaled cosines, with a margin on the cosine of the true class.

        L = -1/B sum_i log( e^{s (cos_y - m)} / (e^{s (cos_y - m)} + sum_{j != y} e^{s cos_j}) )

    Wang et al. 2018, "CosFace", arXiv 1801.09414, eq. 4. With margin 0 it is the plain softmax cross-entropy.

    Args:
        cosines: `[B, C]`.
        labels: `[B]` long.
        scale: s, the inverse temperature of the softmax.
        margin: m, subtracted from the cosine of the true class.

    Returns:
        The mean over the batch, a scalar.

    >>> import torch
    >>> additive_margin_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), scale=1.0, margin=1.0)
    tensor(0.6931)
    """
    true_class = labels.unsqueeze(1)
    shifted = cosines.scatter_add(1, true_class, cosines.new_full(true_class.shape, -margin))
    return cross_entropy(scale * shifted, labels)


class SoftmaxObjective(Objective):
    """Classify the training classes by cosine, with an additive margin; see `additive_margin_loss`.

    Args:
        classes: number of training classes C.
        embedding_size: length D of an embedding.
        scale: s, the inverse temperature of the softmax.
        margin: m, the lead that the true class needs, in units of the cosine; 0 is a plain softmax.

    Raises:
        InputError: a number is out of its range.

    >>> import torch
    >>> objective = SoftmaxObjective(classes=4, embedding_size=8, scale=16.0, margin=0.0)
    >>> objective(torch.eye(8)[:4], torch.arange(4)).shape
    torch.Size([])
    """

    def __init__(self, classes: int, embedding_size: int, *, scale: float, margin: float) -> None:
        super().__init__()
        require_positive(scale=scale)
        require_margin(margin)
        self.scale, self.margin = scale, margin
        self.classifier = CosineClassifier(classes, embedding_size)

    def logits(self, embedding: Tensor) -> Tensor:
        """Class logits `[B, C]` of embeddings `[B, D]`, without the margin, which only training uses."""
        return self.scale * self.cosines(embedding)

    def cosines(self, embedding: Tensor) -> Tensor:
        """Cosines `[B, C]` of embeddings `[B, D]` and the class directions."""
        cosines: Tensor = self.classifier(embedding)
        return cosines

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings `[B, D]` and labels `[B]` long.

        Raises:
            InputError: a shape or type does not fit.
        """
        require_labels(labels, embedding)
        return additive_margin_loss(self.cosines(embedding), labels, self.scale, self.margin)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, margin={self.margin}"


@dataclass(frozen=True)
class SoftmaxConfig:
    """Settings of `SoftmaxObjective`.

    Args:
        weight: factor of this loss in the sum; 0 leaves it out.
        scale: inverse temperature of the softmax.
        margin: lead that the true class needs, in units of the cosine; 0 is a plain softmax.

    >>> SoftmaxConfig(scale=16.0, margin=0.0).build(embedding_size=8, classes=4)
    SoftmaxObjective(
      scale=16.0, margin=0.0
      (classifier): CosineClassifier(4 classes, embedding 8)
    )
    """

    weight: float = 1.0
    scale: float = 30.0
    margin: float = 0.2

    def build(self, embedding_size: int, classes: int | None) -> SoftmaxObjective:
        """Build the objective; raise `InputError` without a number of classes."""
        if classes is None:
            raise InputError("classes is null: the softmax objective needs the number of training classes")
        return SoftmaxObjective(classes, embedding_size, scale=self.scale, margin=self.margin)
