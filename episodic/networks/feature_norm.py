"""Batch normalisation of features that also takes a batch of one."""

from torch import Tensor, nn
from torch.nn.functional import batch_norm


class FeatureNorm(nn.BatchNorm1d):
    """Each feature at mean 0 and variance 1 over the batch; outside training by running statistics.

    Ioffe & Szegedy 2015, "Batch Normalization", arXiv 1502.03167, without scale and shift. Differs from the paper: a
    training batch of one, which has no variance, is normalised by the running statistics and does not change them.

    Args:
        features: number of features D.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, affine=False)

    def forward(self, input: Tensor) -> Tensor:
        """`[B, D]` -> `[B, D]`."""
        if self.training and len(input) == 1:
            return batch_norm(input, self.running_mean, self.running_var, eps=self.eps)
        return super().forward(input)
