"""A classifier that compares an embedding with one direction per class by cosine."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require, require_positive


class CosineClassifier(nn.Module):
    """Compute cosines of embeddings and one direction per class, `cos_j = w_j.x / (|w_j| |x|)`, without bias.

    Wang et al. 2018, "CosFace", arXiv 1801.09414, section 3.1 (the normalised softmax, before scale and margin).

    Args:
        classes: number of classes C.
        embedding_size: length D of an embedding.

    Raises:
        InputError: a number is not positive.

    >>> classifier = CosineClassifier(classes=3, embedding_size=4)
    >>> classifier(2 * classifier.weight).argmax(dim=1)  # the length does not matter
    tensor([0, 1, 2])
    """

    def __init__(self, classes: int, embedding_size: int) -> None:
        super().__init__()
        require_positive(classes=classes, embedding_size=embedding_size)
        # Of length about 1: the shorter a weight, the farther a step of the optimiser turns it.
        self.weight = nn.Parameter(torch.randn(classes, embedding_size) * embedding_size**-0.5)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return cosines `[B, C]` in [-1, 1] of embeddings `[B, D]`.

        Raises:
            InputError: the embeddings have another shape.
        """
        shape, size = tuple(embedding.shape), self.weight.shape[1]
        require(len(shape) == 2 and shape[1] == size, f"embedding has shape {shape}: it must be [B, {size}]")
        return normalize(embedding, dim=1) @ normalize(self.weight, dim=1).T

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]} classes, embedding {self.weight.shape[1]}"
