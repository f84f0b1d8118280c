"""A metric that collects embeddings with their labels over an epoch."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class EmbeddedClasses(Metric):
    """Collect embeddings `[N, ...]` and labels `[N, ...]` long over the batches of an epoch, and over all processes.

    >>> import torch
    >>> collected = EmbeddedClasses()
    >>> collected.update(torch.zeros(2, 8), torch.tensor([0, 1]))
    >>> collected.update(torch.ones(1, 8), torch.tensor([2]))
    >>> embeddings, labels = collected.compute()
    >>> embeddings.shape, labels
    (torch.Size([3, 8]), tensor([0, 1, 2]))
    """

    full_state_update = False
    embeddings: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("embeddings", [], dist_reduce_fx="cat")
        self.add_state("labels", [], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Add a batch."""
        self.embeddings.append(embeddings.detach())
        self.labels.append(labels)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return all embeddings and labels so far."""
        return dim_zero_cat(self.embeddings), dim_zero_cat(self.labels)


def in_order(rows: Tensor, world: int) -> Tensor:
    """Reorder rows `[N, ...]`, gathered process by process, to the order in which one process sees them.

    Each of the `world` processes holds every `world`-th row.

    >>> in_order(torch.tensor([0, 2, 4, 1, 3]), world=2)
    tensor([0, 1, 2, 3, 4])
    """
    positions = torch.arange(len(rows), device=rows.device)
    gathered = torch.cat([positions[rank::world] for rank in range(world)])
    return rows[gathered.argsort()]
