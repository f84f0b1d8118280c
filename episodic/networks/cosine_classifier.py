"""A classifier of directions: the cosine between an embedding and one weight vector a class."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require, require_positive


class CosineClassifier(nn.Module):
    """Cosines of embeddings with a direction for each class, `cos_j = w_j.x / (|w_j| |x|)`, without bias.

    Wang et al. 2018, "CosFace", arXiv 1801.09414, section 3.1 (the normalised softmax, before scale and margin).

    Args:
        classes: number of classes C.
        embedding_size: length D of an embedding.

    Raises:
        InputError: a number that is not positive.
    """

    def __init__(self, classes: int, embedding_size: int) -> None:
        super().__init__()
        require_positive(classes=classes, embedding_size=embedding_size)
        # Of length 1, about: the shorter a weight, the farther a step of the optimiser turns it.
        self.weight = nn.Parameter(torch.randn(classes, embedding_size) * embedding_size**-0.5)

    def forward(self, embedding: Tensor) -> Tensor:
        """Cosines `[B, C]` in [-1, 1] of embeddings `[B, D]`.

        Raises:
            InputError: embeddings of another shape.
        """
        shape, size = tuple(embedding.shape), self.weight.shape[1]
        require(len(shape) == 2 and shape[1] == size, f"embedding has shape {shape}: it has to be [B, {size}]")
        return normalize(embedding, dim=1) @ normalize(self.weight, dim=1).T

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]} classes, embedding {self.weight.shape[1]}"
