"""The triplet objective, with the triplets chosen by a miner of pytorch-metric-learning."""

from dataclasses import dataclass

from torch import Tensor, nn

from episodic.errors import require_choice
from episodic.objectives.objective import Objective, require_labels, require_margin

#: Rules that choose triplets. `all`, `hard` and `semihard` keep every triplet that violates the margin: all of them,
#: those whose negative is nearer than the positive, or those whose negative is farther. The last three keep one
#: triplet for each anchor.
MINERS = ("all", "hard", "semihard", "easy_semihard", "easy_hard", "batch_hard")


class TripletObjective(Objective):
    """Compute the triplet loss of a batch over the triplets that a miner chooses.

        [cos(a, n) - cos(a, p) + margin]_+

    The loss is the mean over the chosen triplets with a positive value, and 0 without any. Schroff et al. 2015,
    "FaceNet", arXiv 1503.03832, eq. 2. The miners `easy_semihard` and `easy_hard` take the nearest positive of each
    anchor (Xuan et al. 2020, arXiv 1904.04370), `batch_hard` the farthest (Hermans et al. 2017, arXiv 1703.07737).
    The negative is the nearest one; `easy_semihard` takes the nearest that is farther than the positive.

    Differs from the papers: similarity is the cosine, which for unit-length embeddings at distance d is 1 - d^2 / 2.

    Args:
        margin: in units of the cosine.
        miner: one of `MINERS`. `all`, `hard` and `semihard` first list every triplet of the batch.

    Raises:
        InputError: the margin is negative or the miner is unknown.

    >>> import torch
    >>> objective = TripletObjective(margin=0.5, miner="batch_hard")
    >>> embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> objective(embedding, torch.tensor([0, 0, 1]))  # anchor 0: 1 - 0 + 0.5; anchor 1: 0 - 0 + 0.5
    tensor(1.)
    """

    def __init__(self, *, margin: float, miner: str) -> None:
        super().__init__()
        require_margin(margin)
        require_choice("miner", miner, MINERS)
        from pytorch_metric_learning.distances import CosineSimilarity  # only the extra `objectives` brings it
        from pytorch_metric_learning.losses import TripletMarginLoss

        self.loss = TripletMarginLoss(margin=margin, distance=CosineSimilarity())
        self.miner = build_miner(miner, margin)

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of embeddings `[B, D]` and labels `[B]` long.

        Raises:
            InputError: a shape or type does not fit.
        """
        require_labels(labels, embedding)
        loss: Tensor = self.loss(embedding, labels, self.miner(embedding, labels))
        return loss


def build_miner(name: str, margin: float) -> nn.Module:
    """Build the pytorch-metric-learning miner for a name in `MINERS`.

    >>> build_miner("easy_hard", 0.2).neg_strategy
    'hard'
    """
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.miners import BatchEasyHardMiner, TripletMarginMiner

    miner: nn.Module
    if name in ("all", "hard", "semihard"):
        miner = TripletMarginMiner(margin=margin, type_of_triplets=name, distance=CosineSimilarity())
    else:
        positive, negative = ("hard", "hard") if name == "batch_hard" else name.split("_")
        miner = BatchEasyHardMiner(pos_strategy=positive, neg_strategy=negative, distance=CosineSimilarity())
    return miner


@dataclass(frozen=True)
class TripletConfig:
    """Settings of `TripletObjective`.

    Args:
        weight: factor of this loss in the sum; 0 leaves it out.
        margin: in units of the cosine.
        miner: rule that chooses triplets, one of `MINERS`.

    >>> TripletConfig(margin=0.3).build(embedding_size=8, classes=None).loss.margin
    0.3
    """

    weight: float = 1.0
    margin: float = 0.2
    miner: str = "easy_semihard"

    def build(self, embedding_size: int, classes: int | None) -> TripletObjective:
        """Build the objective, which depends on neither size."""
        return TripletObjective(margin=self.margin, miner=self.miner)
