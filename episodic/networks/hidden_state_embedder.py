"""The network that embeds an agent's LSTM states as unit-length vectors."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from episodic.errors import require, require_positive
from episodic.networks.embedder import Embedder, require_type
from episodic.networks.feature_norm import FeatureNorm


class HiddenStateEmbedder(Embedder):
    """Embed LSTM states as unit-length vectors, to be compared by cosine.

    Each number of a state is normalised over the batch. Hidden layers and a linear layer follow. Each number of the
    embedding is normalised over the batch, then the embedding is scaled to length 1. The hidden layers see one state
    at a time or, with `recurrent`, are an LSTM that reads the states of an episode in order (Hochreiter and
    Schmidhuber 1997, "Long Short-Term Memory").

    Args:
        input_size: length H of a state.
        embedding_size: length D of the embedding.
        hidden_layer: units of a hidden layer.
        layers: number of hidden layers.
        recurrent: whether an embedding depends on the earlier states of its episode.

    Raises:
        InputError: a number is not positive.

    >>> network = HiddenStateEmbedder(input_size=50, embedding_size=8)
    >>> network.embed(torch.rand(3, 50)).shape, network.embed_all(torch.rand(3, 10, 50)).shape
    (torch.Size([3, 8]), torch.Size([3, 10, 8]))
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
        self.arguments = {
            "input_size": input_size, "embedding_size": embedding_size, "hidden_layer": hidden_layer, "layers": layers,
            "recurrent": recurrent,
        }  # fmt: skip
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

    def embed(self, x: Tensor) -> Tensor:
        """Return unit embeddings `[B, D]` of states `[B, H]`, or of the last step of episodes `[B, T, H]`.

        Raises:
            InputError: the states have another shape, or another type than the network's weights.
        """
        self._require_states(x)
        if x.dim() == 2 or not self.recurrent:
            return self.step(x if x.dim() == 2 else x[:, -1], self.initial_state(len(x)))[0]
        features, _ = self.body(self._normalised(x))
        return self._head(features[:, -1])

    def embed_all(self, x: Tensor) -> Tensor:
        """Return unit embeddings `[B, T, D]` of every step of episodes `[B, T, H]`, each given the steps before it.

        In training the normalisation covers all steps at once; that of `step` covers one step.

        Raises:
            InputError: the states have another shape, or another type than the network's weights.
        """
        self._require_states(x)
        require(x.dim() == 3, f"states have shape {tuple(x.shape)}: episodes [B, T, {self.input_size}] are needed")
        normalised = self._normalised(x)
        features = self.body(normalised)[0] if self.recurrent else self.body(normalised)
        return self._head(features.flatten(0, 1)).view(*x.shape[:2], self.embedding_size)

    def initial_state(self, batch_size: int) -> Tensor | None:
        """Return the state that `step` carries, `[2, L, B, hidden_layer]` for L layers; None if not recurrent."""
        if not self.recurrent:
            return None
        weight: Tensor = self.head.weight
        return weight.new_zeros(2, self.layers, batch_size, self.hidden_layer)

    def step(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Embed one step: states `[B, H]` and the carried state -> embeddings `[B, D]` and the next carried state.

        In evaluation mode the embeddings of an episode equal those of `embed_all`.
        """
        if not self.recurrent:
            return self._head(self.body(self._normalised(x))), None
        carried = self.initial_state(len(x)) if state is None else state
        assert carried is not None
        features, (hidden, cell) = self.body(self._normalised(x).unsqueeze(1), (carried[0], carried[1]))
        return self._head(features[:, 0]), torch.stack([hidden, cell])

    def forward(self, x: Tensor) -> Tensor:
        """Return the embeddings; the objective that trains the network owns the classifier."""
        return self.embed(x)

    def _normalised(self, x: Tensor) -> Tensor:
        """Normalise each feature of `[..., H]` to mean 0 and variance 1 over all other dimensions."""
        normalised: Tensor = self.input_norm(x.reshape(-1, self.input_size))
        return normalised.view_as(x)

    def _head(self, features: Tensor) -> Tensor:
        """Map features `[B, hidden_layer]` to embeddings `[B, D]`."""
        embedding = self.head(features)
        # In half precision the length would be 1 to three digits only.
        return normalize(self.norm(embedding.to(torch.promote_types(embedding.dtype, torch.float32))), dim=1)

    def _require_states(self, x: Tensor) -> None:
        fits = x.dim() in (2, 3) and x.shape[-1] == self.input_size
        size = self.input_size
        require(fits, f"states have shape {tuple(x.shape)}: [B, {size}] or episodes [B, T, {size}] are needed")
        require_type("states", x, self.head.weight)


def hidden_layers(before: int, width: int, layers: int) -> nn.Sequential:
    """Build linear layers of `width` units, each followed by a ReLU: `[..., before]` -> `[..., width]`.

    >>> hidden_layers(5, 7, layers=2)(torch.zeros(2, 3, 5)).shape
    torch.Size([2, 3, 7])
    """
    parts: list[nn.Module] = []
    for size in (before, *[width] * (layers - 1)):
        parts += [nn.Linear(size, width), nn.ReLU()]
    return nn.Sequential(*parts)
