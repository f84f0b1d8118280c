"""Attention by content and by relative position."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm


def sinusoids(count: int, size: int, like: Tensor) -> Tensor:
    """Codes `[count, size]` of the distances from count - 1 down to 0: sines, then cosines (Vaswani et al. 2017)."""
    frequencies = 10000 ** -(torch.arange(0, size, 2, device=like.device, dtype=like.dtype) / size)
    angles = torch.arange(count - 1, -1, -1, device=like.device, dtype=like.dtype).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :size]


def softmax_without_denormals(scores: Tensor) -> Tensor:
    """Softmax of scores `[..., C]` over the last dimension; scores more than 60 below the highest have weight 0.

    A weight of e^-60 is lost in a sum of single precision anyway. The softmax of scores that are still lower has
    denormal numbers, with which processors compute up to ten times as slowly.

    >>> softmax_without_denormals(torch.tensor([0.0, 0.0, -90.0]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    faint = scores < scores.amax(dim=-1, keepdim=True) - 60
    return scores.masked_fill(faint, float("-inf")).softmax(dim=-1)


class RelativeAttention(nn.Module):
    """Causal attention of several heads, as in Transformer-XL (Dai et al. 2019, arXiv 1901.02860, section 3.3).

    With n_j the layer-normalised input at position j, each head scores a query at i and a key at j <= i by content and
    by distance, and adds up values by the softmax of the scores:

        q_i = W_Q n_i,  k_j = W_K n_j,  v_j = W_V n_j
        score_ij = ((q_i + u) k_j + (q_i + v) W_R R_{i-j}) / sqrt(D)

    D is the head's size, R the sinusoidal code of a distance. Here `(W_K' (q_i + u)) n_j` is computed instead of keys,
    and `W_V (sum of n_j)` instead of values: with few queries and many positions that is less work, and the inputs of
    earlier positions serve as they are.

    Args:
        size: length H of input and output.
        heads: how many heads; it divides `size`.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.size, self.heads = size, heads
        self.norm = nn.LayerNorm(size)
        self.query, self.key, self.value, self.distance, self.output = (
            nn.Linear(size, size, bias=False) for _ in range(5)
        )
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, size // heads))  # u
        self.distance_bias = nn.Parameter(torch.zeros(heads, 1, size // heads))  # v

    def standardise(self, x: Tensor) -> Tensor:
        """Inputs `[..., H]` before the scale and shift of their normalisation."""
        return layer_norm(x, (self.size,), eps=self.norm.eps)

    def forward(self, x: Tensor, past: Tensor, codes: Tensor) -> Tensor:
        """Attend from T positions to themselves and to J positions before them.

        Args:
            x: standardised inputs `[B, T, H]`.
            past: standardised inputs `[B, J, H]` at the positions before.
            codes: of distances down to 0, `[J + T or more, H]`.

        Returns:
            `[B, T, H]`.
        """
        steps, count = x.shape[1], past.shape[1] + x.shape[1]
        normed = x * self.norm.weight + self.norm.bias
        query = self.query(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, T, D]
        by_content = (query + self.content_bias) @ self._by_head(self.key) * self.norm.weight
        by_content = by_content.flatten(1, 2)  # [B, heads * T, H]
        by_distance = (query + self.distance_bias) @ self._by_head(self.distance) @ codes[-count:].T
        scores = torch.cat([by_content @ past.transpose(1, 2), by_content @ x.transpose(1, 2)], dim=-1)
        scores = (scores.view_as(by_distance) + _aligned(by_distance)) / query.shape[-1] ** 0.5
        if steps > 1:
            later = torch.ones(steps, count, dtype=torch.bool, device=x.device).triu(count - steps + 1)
            scores = scores.masked_fill(later, float("-inf"))
        weights = softmax_without_denormals(scores).flatten(1, 2)
        attended = weights[..., : count - steps] @ past + weights[..., count - steps :] @ x
        attended = attended.unflatten(1, (self.heads, steps)) * self.norm.weight + self.norm.bias
        values = attended @ self._by_head(self.value).transpose(1, 2)  # [B, heads, T, D]
        joined: Tensor = self.output(values.transpose(1, 2).flatten(2))
        return joined

    def _by_head(self, projection: nn.Linear) -> Tensor:
        """The matrix of a projection by head, `[heads, D, H]`."""
        weight: Tensor = projection.weight
        return weight.view(self.heads, -1, self.size)


def _aligned(scores: Tensor) -> Tensor:
    """Scores `[..., T, C]` by distance, from C - 1 down to 0, to scores by position; later positions get any number.

    Entry c of row t belongs to position `c - (T - 1 - t)`: each row moves one further than the next (Dai et al. 2019,
    appendix B).
    """
    steps, count = scores.shape[-2:]
    moved = scores.flatten(-2)[..., steps - 1 : -1].unflatten(-1, (steps, count - 1))
    return torch.cat([moved, scores[..., -1:]], dim=-1)
