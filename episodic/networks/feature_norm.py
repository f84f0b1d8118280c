"""Batch normalisation of features that also accepts a batch of one."""

from torch import Tensor, nn
from torch.nn.functional import batch_norm


class FeatureNorm(nn.BatchNorm1d):
    """Normalise each feature to mean 0 and variance 1 over the batch; outside training by running statistics.

    Ioffe and Szegedy 2015, "Batch Normalization", arXiv 1502.03167, without scale and shift. Differs from the paper: a
    training batch of one, which has no variance, uses the running statistics and leaves them unchanged.

    Args:
        features: number of features D.

    >>> import torch
    >>> FeatureNorm(1)(torch.tensor([[1.0], [3.0]])).round(decimals=3)
    tensor([[-1.],
            [ 1.]])
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, affine=False)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise features `[B, D]`."""
        if self.training and len(input) == 1:
            return batch_norm(input, self.running_mean, self.running_var, eps=self.eps)
        return super().forward(input)
