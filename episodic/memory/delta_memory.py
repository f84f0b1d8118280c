"""Fast weights: a memory whose content is one matrix, written by the delta rule."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from episodic.errors import InputError, require, require_finite, require_fraction, require_positive
from episodic.memory.checks import check_finite, check_vectors
from episodic.memory.recall import EMPTY, Recall
from episodic.memory.store import Store


def dpfp(keys: Tensor, order: int) -> Tensor:
    """The deterministic parameter-free projection of keys (Schlag et al. 2021, section 5): `[..., K]` -> `[..., 2KR]`.

    With `r = relu([k, -k])` of length 2K, feature `i` of the part `j` is `r_i r_(i+j)` for j = 1 ... R; indices wrap
    around. Different keys share fewer features than they share numbers.

    >>> dpfp(torch.tensor([[1.0, -2.0]]), order=1)
    tensor([[0., 0., 0., 2.]])
    """
    rectified = torch.cat([keys, -keys], dim=-1).relu()
    return torch.cat([rectified * rectified.roll(-j, dims=-1) for j in range(1, order + 1)], dim=-1)


class DeltaMemory(Store):
    """Associate keys with values in one matrix W, by the delta rule.

    Fast weights (Schlag, Irie and Schmidhuber 2021, "Linear Transformers Are Secretly Fast Weight Programmers",
    arXiv 2102.11174, section 4.2). With features phi of unit length, a write of key k and value v is

        W <- W + beta (v - W phi(k)) phi(k)^T

    and a read of query q returns `W phi(q)`. With beta = 1 a key that was just written returns its value exactly; what
    other keys return changes by their similarity to it. The content has one size, however many writes there are.

    There are no slots, labels or similarities: a read has label and slot -1 and similarity `-inf`. Statistics and plots
    of slots and of recalled labels leave such a memory out.

    Differs from the paper: features are divided by their Euclidean length rather than by their sum, so that beta = 1
    replaces a value exactly; beta is an argument rather than learned; the agent gives keys and values, and a
    write has no gradient.

    >>> memory = DeltaMemory(capacity=100, key_size=2, value_size=1)
    >>> memory.reset(batch_size=1)
    >>> for key, value in (([1.0, 0.0], 5.0), ([0.0, 2.0], 7.0)):
    ...     memory.write(torch.tensor([key]), torch.tensor([[value]]))
    >>> memory.read(torch.tensor([[0.0, 1.0]])).value
    tensor([[7.]])

    Args:
        capacity: not used; every memory is built from (capacity, key size, value size).
        key_size: length K of a key.
        value_size: length V of a value.
        beta: strength of a write, from 0 to 1; 1 is the full delta rule.
        centre: subtracted from each number of a key first; 0.5 makes bits -0.5 and 0.5, which overlap less.
        dpfp_order: order R of the feature map `dpfp`, with F = 2KR features of a key; 0 takes the key itself, F = K.

    Raises:
        InputError: a number out of range.
    """

    matrix: Tensor  # [B, V, F], all that is remembered

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        beta: float = 1.0,
        centre: float = 0.0,
        dpfp_order: int = 0,
    ) -> None:
        super().__init__()
        require_positive(capacity=capacity, key_size=key_size, value_size=value_size)
        require_fraction(beta=beta)
        require_finite(centre=centre)
        require(0 <= dpfp_order < 2 * key_size, f"dpfp_order is {dpfp_order}: it must lie in 0 to {2 * key_size - 1}")
        self.key_size, self.value_size = key_size, value_size
        self.beta, self.centre, self.dpfp_order = beta, centre, dpfp_order
        self.feature_size = 2 * key_size * dpfp_order if dpfp_order else key_size
        self.register_buffer("matrix", torch.zeros(0, value_size, self.feature_size))

    @property
    def batch_size(self) -> int:
        return self.matrix.shape[0]

    def reset(self, batch_size: int) -> None:
        """Forget everything, for `batch_size` environments; 0 frees the storage.

        Raises:
            InputError: a negative batch size.
        """
        require(batch_size >= 0, f"batch_size is {batch_size}: it must be 0 or more")
        if batch_size == self.batch_size:
            self.matrix.zero_()
        else:
            self.matrix = self.matrix.new_zeros(batch_size, self.value_size, self.feature_size)

    def features(self, key: Tensor) -> Tensor:
        """The features of keys `[B, K]`, of unit length or zero, `[B, F]`."""
        centred = key - self.centre
        return normalize(dpfp(centred, self.dpfp_order) if self.dpfp_order else centred, dim=-1)

    @torch.no_grad()
    def write(
        self,
        key: Tensor,
        value: Tensor,
        label: Tensor | None = None,
        returns: Tensor | None = None,
        *,
        source: Tensor | None = None,
        stack: Tensor | None = None,
    ) -> None:
        """Associate keys `[B, K]` with values `[B, V]`; label, returns and source are ignored.

        Raises:
            InputError: a wrong shape or dtype, a stack, and on the CPU a number that is not finite.
        """
        self._check("key", key, self.key_size)
        self._check("value", value, self.value_size)
        check_finite("key", key)
        check_finite("value", value)
        if stack is not None:
            raise InputError("stack is given to a memory without stacks: use StackMemory, or leave it out")
        features = self.features(key).unsqueeze(1)  # [B, 1, F]
        error = value.unsqueeze(2) - self.matrix @ features.transpose(1, 2)  # [B, V, 1]
        self.matrix.baddbmm_(error, features, alpha=self.beta)

    def read(self, query: Tensor) -> Recall:
        """Recall by query `[B, K]`, without gradient to it.

        Raises:
            InputError: a query of a wrong shape or dtype, or a read before `reset`.
        """
        self._check("query", query, self.key_size)
        with torch.no_grad():
            unknown = query.isnan().any(dim=1, keepdim=True)  # a NaN query recalls nothing
            features = self.features(query.masked_fill(unknown, 0.0)).masked_fill(unknown, 0.0)
            value = (self.matrix @ features.unsqueeze(2)).squeeze(2)
        nothing = torch.full((len(value),), EMPTY, device=value.device)
        return Recall(value, nothing, value.new_full((len(value),), float("-inf")), nothing)

    def _check(self, name: str, vectors: Tensor, size: int) -> None:
        check_vectors(name, vectors, self.matrix[:, :1, :1].expand(-1, -1, size))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        saved = state_dict.get(prefix + "matrix")
        if isinstance(saved, Tensor) and saved.dim() == 3 and len(saved) != self.batch_size:
            self.reset(len(saved))  # a memory is saved with the batch that it was reset for
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return f"key {self.key_size}, value {self.value_size}, beta={self.beta:g}, {self.feature_size} features"
