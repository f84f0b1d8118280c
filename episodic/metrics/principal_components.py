"""The reconstruction error of principal components: the best that a linear autoencoder of the same size can do."""

import torch
from torch import Tensor

from episodic.errors import require


def pca_mse(train: Tensor, test: Tensor, components: int) -> Tensor:
    """Fit principal components to `train` and return the mean squared error of `test` projected onto them -> scalar.

    Args:
        train: `[N, D]`.
        test: `[M, D]`.
        components: Number of components, 1 to min(N, D).

    Raises:
        InputError: `components` is out of range.

    >>> line = torch.arange(4.0).unsqueeze(1) * torch.tensor([3.0, 4.0])
    >>> pca_mse(line, torch.tensor([[4.0, -3.0]]), components=1)
    tensor(12.5000, dtype=torch.float64)
    """
    from sklearn.decomposition import PCA  # imported late because it takes half a second

    most = min(train.shape)
    require(0 < components <= most, f"components is {components}: it must lie between 1 and {most} for these points")
    pca = PCA(components, svd_solver="covariance_eigh").fit(train.double().cpu().numpy())
    points = test.double().cpu().numpy()
    return torch.tensor(((pca.inverse_transform(pca.transform(points)) - points) ** 2).mean(), dtype=torch.float64)
