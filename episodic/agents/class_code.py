"""One binary code for each class, from the embeddings of its drawings."""

import torch
from torch import Tensor


def class_signs(embeddings: Tensor, labels: Tensor) -> Tensor:
    """Signs of the classes' mean embeddings, against the mean of all classes, as 0.0 and 1.0.

    Shapes: embeddings `[N, D]`, labels `[N]` long from 0, each of which occurs -> `[N, D]`, that of a row's class.
    """
    classes = int(labels.max()) + 1
    sums = embeddings.new_zeros(classes, embeddings.shape[1]).index_add_(0, labels, embeddings)
    means = sums / torch.bincount(labels, minlength=classes).unsqueeze(1)
    return (means > means.mean(dim=0)).to(embeddings.dtype)[labels]
