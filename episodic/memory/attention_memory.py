"""Soft attention over stored states, with learned projections of queries and keys."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require_finite, require_positive
from episodic.memory.checks import check_vectors
from episodic.memory.kernels import cosine_similarity, inverse_norms
from episodic.memory.memory import Memory
from episodic.memory.recall import EMPTY, Recall
from episodic.memory.stacks import Stacks


class AttentionMemory(Memory):
    """Mix all stored values by soft attention; the read trains the projections of queries and keys.

    With the query q, the stored keys k_n (both at unit length), the stored values v_n, temperature t and learned
    projections of length D,

        s_n = (W_q q + b_q) . (W_k k_n + b_k) / t,    s_0 = b_0 / t
        w_n = exp(s_n) / (exp(s_0) + sum_m exp(s_m)),    value = sum_n w_n v_n

    s_0 is the learned score of recalling nothing. W_q and W_k start as the same orthogonal matrix, and all b as 0.
    This is the memory of MRA (Fortunato et al. 2019, "Generalization of Reinforcement Learners with Working and
    Episodic Memory", arXiv 1910.13406) and of HCAM (Lampinen et al. 2021, "Towards mental time travel", arXiv
    2105.14039) at a small scale: a slot holds an episode, and there is one level of attention.

    Label and slot of a `Recall` are those of the largest weight, and -1 where that of nothing is larger. The similarity
    is the cosine of the projected query and that slot's projected key. A read mixes all slots, so it does not count as
    use of a stack: a new stack replaces the least recently written one.

    Differs from the papers: keys are at unit length, and the temperature is an argument instead of sqrt(D); the score
    of nothing is added; attention goes to all slots, not to the k best; values are not projected.

    >>> memory = AttentionMemory(capacity=100, key_size=2, value_size=1, temperature=0.01)
    >>> memory.reset(batch_size=1)
    >>> for key, value in (([1.0, 0.0], 5.0), ([0.0, 1.0], 7.0)):
    ...     memory.write(torch.tensor([key]), torch.tensor([[value]]))
    >>> memory.read(torch.tensor([[0.0, 2.0]])).value
    tensor([[7.]], grad_fn=<SqueezeBackward1>)

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        size: length D of the projections; None takes K.
        temperature: t; the smaller, the sharper the attention is at first.
        stacks: rules for keeping one slot for each label, as in `StackMemory`; None gives every write a slot.

    Raises:
        InputError: a number out of range.
    """

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        size: int | None = None,
        temperature: float = 0.1,
        stacks: Stacks | None = None,
    ) -> None:
        super().__init__(capacity, key_size, value_size, stacks=stacks)
        size = key_size if size is None else size
        require_positive(size=size, temperature=temperature)
        require_finite(temperature=temperature)
        self.temperature = temperature
        self.query_projection, self.key_projection = nn.Linear(key_size, size), nn.Linear(key_size, size)
        nn.init.orthogonal_(self.query_projection.weight)
        with torch.no_grad():
            self.key_projection.weight.copy_(self.query_projection.weight)
        for projection in (self.query_projection, self.key_projection):
            nn.init.zeros_(projection.bias)
        self.nothing = nn.Parameter(torch.zeros(1))

    def read(self, query: Tensor) -> Recall:
        """Recall by query `[B, K]`; the value has a gradient to the query and to all that is learned.

        The gradient stays right if the memory changes before it is computed.

        Raises:
            InputError: a query of a wrong shape or dtype, or a read before `reset`.
        """
        check_vectors("query", query, self.keys)
        keys, values, vacancy = self.keys, self.values, self.vacancy
        if torch.is_grad_enabled():  # from copies: a write may come before the backward pass
            keys, values = keys.clone(), values.clone()
        known = ~query.isnan().any(dim=1, keepdim=True)  # a NaN query recalls nothing
        projected = self.query_projection(normalize(query.masked_fill(~known, 0.0), dim=-1))
        attended = self.key_projection(normalize(keys, dim=-1))  # [B, N, D]
        scores = torch.cat([(attended @ projected.unsqueeze(2)).squeeze(2), self.nothing.expand(len(query), 1)], dim=1)
        free = torch.cat([vacancy, torch.zeros_like(vacancy[:, :1])], dim=1)
        weights = torch.softmax(scores / self.temperature + free, dim=1) * known
        value = (weights[:, :-1].unsqueeze(1) @ values).squeeze(1)
        with torch.no_grad():
            weight, slot = weights[:, :-1].max(dim=1, keepdim=True)
            nearest = attended.gather(1, slot.unsqueeze(2).expand(-1, -1, attended.shape[2]))
            similarity = cosine_similarity(projected, nearest, inverse_norms(nearest)) + vacancy.gather(1, slot)
            missing = (weight < weights[:, -1:]) | (similarity == float("-inf")) | ~known
            label = self.labels.gather(1, slot).masked_fill(missing, EMPTY)
            similarity = similarity.masked_fill(~known, float("nan"))
            slot = slot.masked_fill(missing, EMPTY)
        return Recall(value, label.squeeze(1), similarity.squeeze(1), slot.squeeze(1))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, temperature={self.temperature:g}"
