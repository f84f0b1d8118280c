"""The hidden-state encoder of stage 3: an agent's LSTM states to unit embeddings."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require, require_positive
from episodic.networks.feature_norm import FeatureNorm


class HiddenStateEmbedder(nn.Module):
    """LSTM states to embeddings of length 1, to be compared by the cosine.

    Each number of a state is normalised over the batch; then come hidden layers and a linear layer to the embedding's
    length; the embedding is normalised as a drawing's is, each of its numbers over the batch and then its length.
    The hidden layers see one state by itself, or, with `recurrent`, are an LSTM that reads an episode's states in
    their order (Hochreiter and Schmidhuber 1997, "Long Short-Term Memory").

    Args:
        input_size: length H of a state.
        embedding_size: length D of the embedding.
        hidden_layer: units of a hidden layer.
        layers: number of hidden layers.
        recurrent: whether an embedding depends on the states of the episode so far.

    Raises:
        InputError: a number that is not positive.
    """

    def __init__(
        self,
        input_size: int,
        embedding_size: int = 64,
        hidden_layer: int = 256,
        layers: int = 1,
        recurrent: bool = False,
    ) -> None:
        super().__init__()
        require_positive(input_size=input_size, embedding_size=embedding_size, hidden_layer=hidden_layer, layers=layers)
        self.input_size, self.embedding_size, self.recurrent = input_size, embedding_size, recurrent
        self.hidden_layer, self.layers = hidden_layer, layers
        self.input_norm = FeatureNorm(input_size)
        self.body = (
            nn.LSTM(input_size, hidden_layer, layers, batch_first=True)
            if recurrent
            else hidden_layers(input_size, hidden_layer, layers)
        )
        self.head = nn.Linear(hidden_layer, embedding_size, bias=False)
        self.norm = FeatureNorm(embedding_size)

    @property
    def arguments(self) -> dict[str, Any]:
        """What it was built with, plain data."""
        names = ("input_size", "embedding_size", "hidden_layer", "layers", "recurrent")
        return {name: getattr(self, name) for name in names}

    def embed(self, x: Tensor) -> Tensor:
        """Unit embeddings `[B, D]` of states `[B, H]`, or of the last pull of episodes `[B, T, H]`.

        Raises:
            InputError: states of another shape.
        """
        self._require_states(x)
        if x.dim() == 2 or not self.recurrent:
            return self.step(x if x.dim() == 2 else x[:, -1], self.initial_state(len(x)))[0]
        features, _ = self.body(self._normalised(x))
        return self._head(features[:, -1])

    def embed_all(self, x: Tensor) -> Tensor:
        """Unit embeddings `[B, T, D]` of every pull of episodes `[B, T, H]`, each given the pulls before it.

        In training the normalisation is over all pulls at once, and not, as that of `step`, over those of one.

        Raises:
            InputError: states of another shape.
        """
        self._require_states(x)
        require(x.dim() == 3, f"states have shape {tuple(x.shape)}: episodes [B, T, {self.input_size}] are expected")
        normalised = self._normalised(x)
        features = self.body(normalised)[0] if self.recurrent else self.body(normalised)
        return self._head(features.flatten(0, 1)).view(*x.shape[:2], self.embedding_size)

    def initial_state(self, batch_size: int) -> Tensor | None:
        """What `step` carries from pull to pull, `[2, L, B, hidden_layer]` of L layers; None if not recurrent."""
        if not self.recurrent:
            return None
        weight: Tensor = self.head.weight
        return weight.new_zeros(2, self.layers, batch_size, self.hidden_layer)

    def step(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """One pull: states `[B, H]` and what was carried -> embeddings `[B, D]` and what to carry on.

        In evaluation the embeddings of a whole episode equal those of `embed_all`.
        """
        if not self.recurrent:
            return self._head(self.body(self._normalised(x))), None
        carried = self.initial_state(len(x)) if state is None else state
        assert carried is not None
        features, (hidden, cell) = self.body(self._normalised(x).unsqueeze(1), (carried[0], carried[1]))
        return self._head(features[:, 0]), torch.stack([hidden, cell])

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings: the classifier belongs to the objective that trains the network."""
        return self.embed(x)

    def _normalised(self, x: Tensor) -> Tensor:
        """Each feature of `[..., H]` at mean 0 and variance 1 over all the rest."""
        normalised: Tensor = self.input_norm(x.reshape(-1, self.input_size))
        return normalised.view_as(x)

    def _head(self, features: Tensor) -> Tensor:
        """Features `[B, hidden_layer]` -> embeddings `[B, D]`."""
        embedding = self.head(features)
        # In half precision the length would be 1 to three digits only.
        return normalize(self.norm(embedding.to(torch.promote_types(embedding.dtype, torch.float32))), dim=1)

    def _require_states(self, x: Tensor) -> None:
        fits = x.dim() in (2, 3) and x.shape[-1] == self.input_size
        size = self.input_size
        require(fits, f"states have shape {tuple(x.shape)}: [B, {size}] or episodes [B, T, {size}] are expected")


def hidden_layers(before: int, width: int, layers: int) -> nn.Sequential:
    """Linear layers of `width` units, each followed by a ReLU: `[..., before]` -> `[..., width]`."""
    parts: list[nn.Module] = []
    for size in (before, *[width] * (layers - 1)):
        parts += [nn.Linear(size, width), nn.ReLU()]
    return nn.Sequential(*parts)
