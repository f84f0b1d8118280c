"""What an agent perceives of a drawing: how its encoder of drawings is built, and where the weights come from."""

from typing import Any

from torch import nn

from episodic.checkpoints.embedders import DRAWING_NETWORKS, describe_checkpoint, find_checkpoint, load_embedder
from episodic.errors import require, require_choice, require_fraction
from episodic.networks.drawing_embedder import DrawingEmbedder

CODES = ("embedding", "class_sign")


class CueEncoder:
    """How an agent's encoder of drawings is built.

    Network and arguments have to be those of the checkpoint: with them the agent can be built, tested and resumed
    without it. Left open, `cli.py` fills them in from the checkpoint, and a run's `config.yaml` keeps them.

    Args:
        checkpoint: of a trained encoder or autoencoder of drawings, or the name of a shipped one. It is read when the
            training starts, and not needed any more afterwards. None (on the command line '') starts from random
            weights.
        network: class of the network, `OmniglotEmbedder`, `ConvolutionalAutoencoder` or `TwoLayerAutoencoder`; None
            (on the command line '') takes the checkpoint's or, without one, the first.
        arguments: what the network is built with; None (on the command line '{}') takes the checkpoint's or, without
            one, the network's own.
        code: a cue is the drawing's `embedding`, or `class_sign`: one binary code for each character, the signs of its
            drawings' mean embedding, against the mean of all characters.
        noise: share of the bits of a `class_sign` that are flipped in an episode's cue, drawn afresh for each episode.
        cache_dir: folder where a frozen encoder's embeddings are kept; None takes the user's cache folder.

    Raises:
        InputError: an unknown network or code, arguments that the network does not take, noise on embeddings.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        network: str | None = None,
        arguments: dict[str, Any] | None = None,
        code: str = "embedding",
        noise: float = 0.0,
        cache_dir: str | None = None,
    ) -> None:
        require_choice("code", code, CODES)
        require_fraction(noise=noise)
        require(noise == 0 or code == "class_sign", f"noise is {noise}: it is of binary codes, and code is {code!r}")
        self.checkpoint, self.network, self.arguments = checkpoint or None, network or None, arguments or None
        self.code, self.noise, self.cache_dir = code, noise, cache_dir

    def build(self) -> tuple[DrawingEmbedder, dict[str, Any]]:
        """The network, in evaluation mode, and what it was built with."""
        name, arguments = self.network, self.arguments
        if self.checkpoint is not None and (name is None or arguments is None):
            described = describe_checkpoint(self.checkpoint)
            name, arguments = name or described["network"], arguments or described["arguments"]
        name = name or "OmniglotEmbedder"
        require_choice("cue_encoder.network", name, tuple(DRAWING_NETWORKS))
        try:
            network = DRAWING_NETWORKS[name](**(arguments or {}))
        except TypeError as error:
            require(False, f"cue_encoder.arguments do not fit {name}: {error}")
            raise
        return network.eval(), dict(arguments or {})

    def fill(self, network: nn.Module) -> None:
        """Copy the checkpoint's weights into the network, where a checkpoint is named.

        Raises:
            InputError: see `episodic.checkpoints.embedders.load_embedder`; an encoder that is built in another way.
        """
        if self.checkpoint is None:
            return
        found, kind = load_embedder(find_checkpoint(self.checkpoint)), type(network).__name__
        weights, wanted = found.state_dict(), network.state_dict()
        fits = type(found) is type(network) and {name: value.shape for name, value in weights.items()} == {
            name: value.shape for name, value in wanted.items()
        }
        require(
            fits,
            f"checkpoint {self.checkpoint} holds an encoder {type(found).__name__} that is not built as "
            f"cue_encoder.network and arguments say, {kind}: they have to be the checkpoint's, or null",
        )
        network.load_state_dict(weights)
