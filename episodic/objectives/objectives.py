"""What an encoder is trained by: functions of its embeddings and their class labels, alone or in a weighted sum."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypedDict

import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchEasyHardMiner, TripletMarginMiner
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from episodic.errors import require, require_choice, require_positive
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.networks.cosine_classifier import CosineClassifier

OBJECTIVES = ("softmax", "triplet", "kaiser")

#: Which triplets are learned from. The first three take every one that violates the margin, and of those all,
#: the ones whose negative is nearer than the positive, or farther; the last three take one for each anchor.
MINERS = ("all", "hard", "semihard", "easy_semihard", "easy_hard", "batch_hard")


class Objective(nn.Module):
    """A loss of embeddings `[B, D]` of length 1 and their labels `[B]` long, with whatever it has to learn itself."""

    @abstractmethod
    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar that the gradient reaches the embedding from."""


def additive_margin_loss(cosines: Tensor, labels: Tensor, scale: float, margin: float) -> Tensor:
    """Softmax cross entropy of scaled cosines, with a margin on that of the right class -> scalar.

        L = -1/B sum_i log( e^{s (cos_y - m)} / (e^{s (cos_y - m)} + sum_{j != y} e^{s cos_j}) )

    Wang et al. 2018, "CosFace", arXiv 1801.09414, eq. 4. Shapes: cosines `[B, C]`, labels `[B]` long.
    """
    right = labels.unsqueeze(1)
    shifted = cosines.scatter_add(1, right, cosines.new_full(right.shape, -margin))
    return cross_entropy(scale * shifted, labels)


class SoftmaxObjective(Objective):
    """A classifier of the training classes by the cosine, with an additive margin; see `additive_margin_loss`.

    Args:
        classes: number of training classes C.
        embedding_size: length D of an embedding.
        scale: s, the inverse temperature of the softmax.
        margin: m, by how much the right class has to be ahead, in units of the cosine; 0 is a plain softmax.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, classes: int, embedding_size: int, scale: float = 30.0, margin: float = 0.2) -> None:
        super().__init__()
        require_positive(scale=scale)
        require_margin(margin)
        self.scale, self.margin = scale, margin
        self.classifier = CosineClassifier(classes, embedding_size)

    def logits(self, embedding: Tensor) -> Tensor:
        """Class logits `[B, C]` of embeddings `[B, D]`, without the margin, which is there to be trained against."""
        return self.scale * self.cosines(embedding)

    def cosines(self, embedding: Tensor) -> Tensor:
        """Cosines `[B, C]` with the classes' directions."""
        cosines: Tensor = self.classifier(embedding)
        return cosines

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The loss; `InputError` where the shapes do not fit."""
        require_labels(labels, embedding)
        return additive_margin_loss(self.cosines(embedding), labels, self.scale, self.margin)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, margin={self.margin}"


class TripletObjective(Objective):
    """The triplet loss over the triplets of a batch that a miner picks.

    `[cos(a, n) - cos(a, p) + margin]_+`, the mean over those of the picked triplets that it is positive for; 0 where
    there is none. Schroff et al. 2015, "FaceNet", arXiv 1503.03832, eq. 2, by pytorch-metric-learning. The miners
    `easy_semihard` and `easy_hard` take for each anchor the nearest positive (Xuan et al. 2020, arXiv 1904.04370),
    `batch_hard` the farthest (Hermans et al. 2017, arXiv 1703.07737); negatives are the nearest, with
    `easy_semihard` the nearest that is farther than the positive.

    Differs from the papers: by the cosine, which for embeddings of length 1 is 1 - d^2 / 2 of the distance d.

    Args:
        margin: in units of the cosine.
        miner: one of `MINERS`. `all`, `hard` and `semihard` list every triplet of the batch first.

    Raises:
        InputError: a negative margin, an unknown miner.
    """

    def __init__(self, margin: float = 0.2, miner: str = "easy_semihard") -> None:
        super().__init__()
        require_margin(margin)
        require_choice("miner", miner, MINERS)
        self.loss = TripletMarginLoss(margin=margin, distance=CosineSimilarity())
        self.miner = build_miner(miner, margin)

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The loss; `InputError` where the shapes do not fit."""
        require_labels(labels, embedding)
        loss: Tensor = self.loss(embedding, labels, self.miner(embedding, labels))
        return loss


def build_miner(name: str, margin: float) -> nn.Module:
    """The miner of pytorch-metric-learning that one of `MINERS` stands for."""
    miner: nn.Module
    if name in ("all", "hard", "semihard"):
        miner = TripletMarginMiner(margin=margin, type_of_triplets=name, distance=CosineSimilarity())
    else:
        positive, negative = ("hard", "hard") if name == "batch_hard" else name.split("_")
        miner = BatchEasyHardMiner(pos_strategy=positive, neg_strategy=negative, distance=CosineSimilarity())
    return miner


class KaiserObjective(Objective):
    """The memory triplet loss of Kaiser et al. (2017, arXiv 1703.03129); see `episodic.memory.kaiser_memory.KaiserMemory`.

    In training the memory learns what it is shown; in evaluation it stays as it is.

    Args:
        memory_size: number of slots.
        key_size: length D of an embedding.
        neighbours: how many nearest keys the loss looks at.
        margin: in units of the cosine.
        clear_each_batch: start every batch with an empty memory, as the paper does with its few-shot episodes;
            otherwise the memory lives as long as the training.
        pieces: a batch is shown in this many pieces, one after the other, of rows 0, n, 2n ... to n - 1, 2n - 1 ...
            The loss is the mean over the pieces, those left out that meet an empty memory for certain.

    Raises:
        InputError: a number out of its range; a memory that is cleared before all it is asked.
    """

    def __init__(
        self,
        memory_size: int,
        key_size: int,
        neighbours: int = 256,
        margin: float = 0.1,
        clear_each_batch: bool = False,
        pieces: int = 1,
    ) -> None:
        super().__init__()
        require_positive(pieces=pieces)
        require(
            pieces > 1 or not clear_each_batch,
            "pieces is 1 with clear_each_batch: it has to be 2 or more, or the memory is always empty when asked",
        )
        self.memory = KaiserMemory(memory_size, key_size, neighbours, margin)
        self.clear_each_batch, self.pieces = clear_each_batch, pieces

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The loss; `InputError` where the shapes do not fit."""
        if not self.training:
            return self.memory.loss(embedding, labels)
        if self.clear_each_batch:
            self.memory.reset()
        steps = [self.memory.step(embedding[n :: self.pieces], labels[n :: self.pieces]) for n in range(self.pieces)]
        return torch.stack(steps[1:] if self.clear_each_batch else steps).mean()


class WeightedObjectives(nn.Module):
    """A weighted sum of objectives, computed in full precision whatever the embedding comes in.

    Args:
        parts: objective and weight by name.

    Raises:
        InputError: no objective, a weight that is not positive.
    """

    def __init__(self, parts: Mapping[str, tuple[Objective, float]]) -> None:
        super().__init__()
        require(len(parts) > 0, f"objectives is empty: it has to name one or more of {', '.join(OBJECTIVES)}")
        require_positive(**{f"objectives.{name}": weight for name, (_, weight) in parts.items()})
        self.parts = nn.ModuleDict({name: objective for name, (objective, _) in parts.items()})
        self.weights = {name: weight for name, (_, weight) in parts.items()}

    @property
    def softmax(self) -> SoftmaxObjective | None:
        """The objective that classifies, where there is one."""
        return next((part for part in self.parts.values() if isinstance(part, SoftmaxObjective)), None)

    def losses(self, embedding: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Each objective's loss, a scalar without its weight, of embeddings `[B, D]` and labels `[B]` long."""
        # Half precision would tell cosines apart to three digits, and a scale of 30 would make that one.
        with torch.autocast(embedding.device.type, enabled=False):
            full = embedding.to(torch.promote_types(embedding.dtype, torch.float32))
            return {name: part(full, labels) for name, part in self.parts.items()}

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of what `losses` gave."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """The weighted sum of the objectives."""
        return self.total(self.losses(embedding, labels))


class SoftmaxSettings(TypedDict, total=False):
    """Arguments of `SoftmaxObjective` that the data do not decide."""

    scale: float
    margin: float


class TripletSettings(TypedDict, total=False):
    """Arguments of `TripletObjective`."""

    margin: float
    miner: str


class KaiserSettings(TypedDict, total=False):
    """Arguments of `KaiserObjective` that the encoder does not decide."""

    memory_size: int
    neighbours: int
    margin: float
    clear_each_batch: bool
    pieces: int


def build_objectives(
    weights: Mapping[str, float],
    embedding_size: int,
    classes: int | None = None,
    *,
    softmax: SoftmaxSettings | None = None,
    triplet: TripletSettings | None = None,
    kaiser: KaiserSettings | None = None,
) -> WeightedObjectives:
    """The objectives that `weights` names, each with its settings; those of others are not looked at.

    Args:
        weights: weight by name, of `OBJECTIVES`.
        embedding_size: length D of an embedding.
        classes: number of training classes, for `softmax`.
        softmax: see `SoftmaxObjective`.
        triplet: see `TripletObjective`.
        kaiser: see `KaiserObjective`; the memory has 8192 slots where nothing is said.

    Raises:
        InputError: an unknown objective, none at all, a setting out of its range, softmax without `classes`.
    """
    parts: dict[str, tuple[Objective, float]] = {}
    for name, weight in weights.items():
        require_choice("objectives", name, OBJECTIVES)
        parts[name] = (_build(name, embedding_size, classes, softmax or {}, triplet or {}, kaiser or {}), weight)
    return WeightedObjectives(parts)


def _build(
    name: str,
    embedding_size: int,
    classes: int | None,
    softmax: SoftmaxSettings,
    triplet: TripletSettings,
    kaiser: KaiserSettings,
) -> Objective:
    if name == "triplet":
        return TripletObjective(**triplet)
    if name == "kaiser":
        settings: dict[str, Any] = {"memory_size": 8192, **kaiser}
        return KaiserObjective(key_size=embedding_size, **settings)
    require(classes is not None, "classes is null: the softmax objective needs the number of training classes")
    return SoftmaxObjective(int(classes or 0), embedding_size, **softmax)


def require_margin(margin: float) -> None:
    """Raise `InputError` unless a margin is 0 or more."""
    require(margin >= 0, f"margin is {margin}: it has to be 0 or more")


def require_labels(labels: Tensor, embedding: Tensor) -> None:
    """Raise `InputError` unless there is one integer label `[B]` for each of the embeddings `[B, D]`."""
    shape = tuple(embedding.shape)
    require(len(shape) == 2, f"embedding has shape {shape}: it has to be [B, D]")
    require(
        labels.shape == shape[:1] and labels.dtype == torch.long,
        f"labels are of shape {tuple(labels.shape)} and of {labels.dtype}: "
        f"they have to be of shape {shape[:1]} and of torch.int64",
    )
