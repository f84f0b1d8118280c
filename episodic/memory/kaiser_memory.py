"""The memory of Kaiser et al. (2017): unit keys with class labels, one store shared by the whole batch."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require, require_positive
from episodic.memory.checks import check_finite, check_labels
from episodic.memory.neighbours import TIE
from episodic.memory.recall import EMPTY

#: A shorter sum of keys has no direction.
SMALLEST_NORM = 1e-6


class KaiserAnswer(NamedTuple):
    """Answers to queries; an empty memory gives label -1, confidence 0, similarity `-inf` and slot -1."""

    label: Tensor  # [B] long, of the nearest key
    confidence: Tensor  # [B], the nearest key's share of the softmax over the neighbours
    similarity: Tensor  # [B], cosine of the nearest key
    slot: Tensor  # [B] long


class KaiserMemory(nn.Module):
    """Remember classes by a few keys each, for training an encoder by the memory triplet loss.

    Kaiser, Nachum, Roy and Bengio 2017, "Learning to Remember Rare Events", arXiv 1703.03129, section 2. The answer
    to a query is the label of the key with the highest cosine. `loss` pulls a query towards the nearest key of its
    own label, and away from the nearest key of another label. `update` averages a query into the key that answered
    right, or overwrites the oldest key. The lowest slot wins among equally near keys, and among equally old ones.

    Queries are converted to the dtype of the keys. NaN, infinite numbers and negative labels are refused on the CPU
    only, since checking them would make a CUDA device wait.

    Differs from the paper: answers and losses of a batch come from the memory as it was before the batch; empty
    slots are known and never answer; queries are not projected first.

    >>> memory = KaiserMemory(memory_size=10, key_size=2)
    >>> memory.update(torch.eye(2), torch.tensor([4, 7]))
    >>> memory(torch.tensor([[0.1, 0.9]])).label
    tensor([7])

    Args:
        memory_size: number of slots N.
        key_size: length K of a key.
        neighbours: number of nearest keys that the loss and the confidence consider, at most N.
        margin: margin of the triplet loss, in units of the cosine.
        temperature: temperature of the softmax over the neighbours; the paper's inverse temperature is 40.
        age_noise: ages are compared after adding a random number, uniform within plus or minus this. The paper
            uses it for replicas that share one memory (8 in the authors' code, with 8192 slots).

    Raises:
        InputError: a number out of range.
    """

    keys: Tensor  # [N, K], of unit length
    values: Tensor  # [N] long, class labels; EMPTY where the slot is free
    ages: Tensor  # [N] long, updates since the slot last changed
    occupied: Tensor  # [N] bool

    def __init__(
        self,
        memory_size: int,
        key_size: int,
        neighbours: int = 256,
        margin: float = 0.1,
        *,
        temperature: float = 1 / 40,
        age_noise: float = 0.0,
    ) -> None:
        super().__init__()
        require_positive(memory_size=memory_size, key_size=key_size, neighbours=neighbours, temperature=temperature)
        require(margin >= 0, f"margin is {margin}: it must be 0 or more")
        require(age_noise >= 0, f"age_noise is {age_noise}: it must be 0 or more")
        self.memory_size, self.key_size = memory_size, key_size
        self.neighbours, self.margin = min(neighbours, memory_size), margin
        self.temperature, self.age_noise = temperature, age_noise
        self.register_buffer("keys", torch.zeros(memory_size, key_size))
        self.register_buffer("values", torch.full((memory_size,), EMPTY))
        self.register_buffer("ages", torch.zeros(memory_size, dtype=torch.long))
        self.register_buffer("occupied", torch.zeros(memory_size, dtype=torch.bool))

    def reset(self) -> None:
        """Forget everything."""
        for buffer in self.buffers():
            buffer.zero_()
        self.values.fill_(EMPTY)

    @torch.no_grad()
    def forward(self, query: Tensor) -> KaiserAnswer:
        """Answer queries `[B, K]` of any length, without gradient.

        The confidence is `exp(t s_1) / sum_i exp(t s_i)` over the similarities s of the neighbours, nearest first,
        with t = 1 / temperature.

        Raises:
            InputError: a query of a wrong shape or dtype.
        """
        similarity = self._similarity(self._unit(query))
        slot, nearest = _nearest(similarity)
        missing = nearest == float("-inf")
        neighbours = similarity.topk(self.neighbours, dim=1).values
        confidence = torch.softmax(neighbours / self.temperature, dim=1)[:, 0].masked_fill(missing, 0.0)
        label, slot = self.values[slot].masked_fill(missing, EMPTY), slot.masked_fill(missing, EMPTY)
        return KaiserAnswer(label, confidence, nearest, slot)

    def loss(self, query: Tensor, label: Tensor) -> Tensor:
        """Memory triplet loss of queries `[B, K]` with labels `[B]` long -> scalar.

        `[q.k_b - q.k_p + margin]_+` (section 2.2), where k_p is the nearest key of the query's own label, among the
        neighbours or not, and k_b the nearest key of another label among the neighbours. The loss is the mean over the
        queries that have both, and 0 if none has. The gradient flows only to the query; it stays right if the
        memory is updated before the backward pass.

        Raises:
            InputError: shapes or dtypes that do not fit.
        """
        unit = self._unit(query, label)
        return self._triplet_loss(unit, label, self._similarity(unit.detach()))

    def update(self, query: Tensor, label: Tensor, generator: torch.Generator | None = None) -> None:
        """Learn queries `[B, K]` with labels `[B]` long (section 2.3); a single query follows the paper's rule.

        The memory answers all queries first. If the nearest key has the query's label, the key becomes the normalised
        sum of itself and all the queries that it answered right. Each other query overwrites a slot, in the queries'
        order: free slots first, then the oldest, and those that have just been right last. If there are more such
        queries than slots, the last queries are kept. A slot that changed has age 0; all others age by 1.

        Args:
            query: `[B, K]`, of any length.
            label: `[B]` long, 0 or more.
            generator: source of the ages' noise; None takes torch's global one. Without noise nothing is drawn.

        Raises:
            InputError: shapes or dtypes that do not fit.
        """
        unit = self._unit(query, label).detach()
        self._update(unit, label, self._similarity(unit), generator)

    def step(self, query: Tensor, label: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Take the loss, then update: one training step. See `loss` and `update`."""
        unit = self._unit(query, label)
        similarity = self._similarity(unit.detach())
        loss = self._triplet_loss(unit, label, similarity)
        self._update(unit.detach(), label, similarity, generator)
        return loss

    def _unit(self, query: Tensor, label: Tensor | None = None) -> Tensor:
        shape = tuple(query.shape)
        fits = query.dim() == 2 and shape[1] == self.key_size
        require(fits, f"query has shape {shape}: it must be [B, {self.key_size}]")
        require(query.is_floating_point(), f"query is of {query.dtype}: it must be of a floating-point dtype")
        check_finite("query", query)
        if label is not None:
            check_labels("label", label, len(query))
        return normalize(query.to(self.keys.dtype), dim=1)

    @torch.no_grad()
    def _similarity(self, unit: Tensor) -> Tensor:
        """Cosines `[B, N]`; `-inf` where the slot is free."""
        return (unit @ self.keys.T).masked_fill_(~self.occupied, float("-inf"))

    def _triplet_loss(self, unit: Tensor, label: Tensor, similarity: Tensor) -> Tensor:
        same = self.values == label.unsqueeze(1)
        own, own_nearest = _nearest(similarity.masked_fill(~same, float("-inf")))
        other, other_nearest = _nearest(similarity.masked_fill(same, float("-inf")))
        farthest = similarity.topk(self.neighbours, dim=1).values[:, -1]
        counts = (
            (own_nearest > float("-inf")) & (other_nearest > float("-inf")) & (other_nearest >= _just_below(farthest))
        )
        # From copies of the keys: an update may come before the backward pass.
        gap = (unit * (self.keys[other] - self.keys[own])).sum(dim=1) + self.margin
        return (gap.relu() * counts).sum() / counts.sum().clamp_min(1)

    @torch.no_grad()
    def _update(self, unit: Tensor, label: Tensor, similarity: Tensor, generator: torch.Generator | None) -> None:
        if len(unit) == 0:
            return
        slot, nearest = _nearest(similarity)
        right = (nearest > float("-inf")) & (self.values[slot] == label)
        self.ages += 1
        improved = self._average(unit, slot, right)
        self._overwrite(unit, label, ~right, improved, generator)

    def _average(self, unit: Tensor, slot: Tensor, right: Tensor) -> Tensor:
        """Add right queries to the keys that answered them -> `[N]` bool, the slots that had any."""
        together = slot.unsqueeze(1) == slot  # [B, B]
        adding = together & right
        key, any_right = self.keys[slot], adding.any(dim=1)
        total = key + adding.to(unit.dtype) @ unit
        length = torch.linalg.vector_norm(total, dim=1, keepdim=True)
        total = torch.where(any_right.unsqueeze(1) & (length > SMALLEST_NORM), total / length, key)
        # Queries of one slot give the same key up to rounding: all take the first one's.
        self.keys.index_copy_(0, slot, total[together.long().argmax(dim=1)])
        improved = torch.zeros_like(self.occupied).index_copy_(0, slot, any_right)
        self.ages.masked_fill_(improved, 0)
        return improved

    def _overwrite(
        self, unit: Tensor, label: Tensor, wrong: Tensor, improved: Tensor, generator: torch.Generator | None
    ) -> None:
        """Write each wrong query to another slot."""
        room = min(len(unit), self.memory_size)
        slot = self._oldest_first(improved, generator)[:room]
        turn = wrong.cumsum(dim=0) - 1 - (wrong.sum() - self.memory_size).clamp_min(0)
        turn = torch.where(wrong & (turn >= 0), turn, room)  # the rest share an index behind the last
        order = torch.arange(len(unit), device=unit.device)
        query = torch.zeros(room + 1, dtype=torch.long, device=unit.device).scatter_(0, turn, order)[:room]
        taken = torch.arange(room, device=unit.device) < wrong.sum()
        self.keys.index_copy_(0, slot, torch.where(taken.unsqueeze(1), unit[query], self.keys[slot]))
        self.values.index_copy_(0, slot, torch.where(taken, label[query], self.values[slot]))
        self.ages.index_copy_(0, slot, self.ages[slot].masked_fill(taken, 0))
        self.occupied.index_copy_(0, slot, self.occupied[slot] | taken)

    def _oldest_first(self, improved: Tensor, generator: torch.Generator | None) -> Tensor:
        """Slots `[N]` in the order in which they are overwritten."""
        age = self.ages.double()
        if self.age_noise > 0:
            device = age.device if generator is None else generator.device
            noise = torch.rand(self.memory_size, dtype=age.dtype, device=device, generator=generator)
            age = age + 2 * self.age_noise * noise.to(age.device)  # minus age_noise, the same for all
        age = age.masked_fill(~self.occupied, float("inf")).masked_fill(improved, float("-inf"))
        return age.argsort(descending=True, stable=True)

    def extra_repr(self) -> str:
        return (
            f"{self.memory_size} slots, key {self.key_size}, neighbours={self.neighbours}, margin={self.margin}, "
            f"temperature={self.temperature:g}, age_noise={self.age_noise}"
        )


def _nearest(similarity: Tensor) -> tuple[Tensor, Tensor]:
    """The most similar slot of each row of `[B, N]`, the lowest among equals -> `[B]` long, and its similarity."""
    best = similarity.amax(dim=1)
    # The same key in two slots can have different last bits after a matrix product.
    slot = (similarity >= _just_below(best).unsqueeze(1)).long().argmax(dim=1)
    return slot, similarity.gather(1, slot.unsqueeze(1)).squeeze(1)


def _just_below(similarity: Tensor) -> Tensor:
    return similarity - TIE * (1 + similarity.abs())
