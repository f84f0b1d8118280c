"""Attention by content and by relative position."""

import torch
from torch import Tensor, nn


def sinusoids(count: int, size: int, like: Tensor) -> Tensor:
    """Codes `[count, size]` of the distances 0 to count - 1: sines, then cosines (Vaswani et al. 2017)."""
    frequencies = 10000 ** -(torch.arange(0, size, 2, device=like.device, dtype=like.dtype) / size)
    angles = torch.arange(count, device=like.device, dtype=like.dtype).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :size]


class RelativeAttention(nn.Module):
    """Causal attention of several heads, as in Transformer-XL (Dai et al. 2019, arXiv 1901.02860, section 3.3).

    Each head scores a query at position i and a key at position j <= i by content and by distance,

        (q_i + u) k_j + (q_i + v) W_R R_{i-j},    divided by the root of the head's size D,

    with R the sinusoidal code of a distance; q, k and the attended values are linear in the inputs.

    Args:
        size: length H of input and output.
        heads: how many heads; it divides `size`.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.size, self.heads = size, heads
        self.query, self.key, self.value, self.distance, self.output = (
            nn.Linear(size, size, bias=False) for _ in range(5)
        )
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, size // heads))  # u
        self.distance_bias = nn.Parameter(torch.zeros(heads, 1, size // heads))  # v

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `[B, heads, J, D]` of inputs `[J, B, H]`."""
        return self._by_head(self.key(x)), self._by_head(self.value(x))

    def distances(self, count: int) -> Tensor:
        """The codes of distances 0 to count - 1 by head, `[heads, count, D]`."""
        codes: Tensor = self.distance(sinusoids(count, self.size, self.content_bias))
        return codes.view(count, self.heads, -1).transpose(0, 1)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, distances: Tensor) -> Tensor:
        """Attend from the last T of J positions to all that are not later.

        Args:
            x: inputs `[T, B, H]` at the last T positions.
            keys: `[B, heads, J, D]`.
            values: `[B, heads, J, D]`.
            distances: codes of at least J distances, `[heads, J or more, D]`.

        Returns:
            `[T, B, H]`.
        """
        query, count = self._by_head(self.query(x)), keys.shape[2]
        steps = torch.arange(count, device=x.device)
        apart = steps[count - len(x) :].unsqueeze(1) - steps  # [T, J]
        codes = distances[:, apart.clamp_min(0)]  # [heads, T, J, D]
        by_distance = torch.einsum("bhtd,htjd->bhtj", query + self.distance_bias, codes)
        scores = (query + self.content_bias) @ keys.transpose(2, 3) + by_distance
        scores = (scores / query.shape[-1] ** 0.5).masked_fill(apart < 0, float("-inf"))
        attended = scores.softmax(dim=-1) @ values
        joined: Tensor = self.output(attended.permute(2, 0, 1, 3).flatten(2))
        return joined

    def _by_head(self, x: Tensor) -> Tensor:
        """`[J, B, H]` -> `[B, heads, J, D]`."""
        return x.view(*x.shape[:2], self.heads, -1).permute(1, 2, 0, 3)
