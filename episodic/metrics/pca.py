"""Principal components: what a linear autoencoder of the same size could reach."""

import torch
from torch import Tensor

from episodic.errors import require


class PrincipalComponents:
    """The `components` directions of largest variance of the points that it is fitted on.

    Args:
        points: `[N, D]`.
        components: how many, at most D.
    """

    def __init__(self, points: Tensor, components: int) -> None:
        require(
            0 < components <= points.shape[1],
            f"components is {components}: points of length {points.shape[1]} have 1 to {points.shape[1]}",
        )
        self.mean = points.mean(dim=0)
        centred = (points - self.mean).double()
        vectors = torch.linalg.eigh(centred.T @ centred).eigenvectors  # ascending
        self.directions = vectors[:, -components:].to(points.dtype)  # [D, components]

    def reconstruct(self, points: Tensor) -> Tensor:
        """Projection of `[N, D]` onto the components -> `[N, D]`."""
        projected: Tensor = self.mean + (points - self.mean) @ self.directions @ self.directions.T
        return projected
