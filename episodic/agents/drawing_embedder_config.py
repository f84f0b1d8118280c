"""The settings of an agent's embedder of drawings: how the network is built that makes cues of them."""

from typing import Any

from episodic.checkpoints.embedders import DRAWING_NETWORKS
from episodic.errors import InputError, require, require_choice, require_fraction
from episodic.networks.image_embedder import ImageEmbedder

CODES = ("embedding", "class_sign")


class DrawingEmbedderConfig:
    """How an agent's embedder of drawings is built.

    Network and arguments must equal those of the checkpoint that provides the weights (`WarmStart.drawings`). With them
    the agent can be built, tested and resumed without that file. If they are None, `cli.py` takes them from the
    checkpoint and writes them into the run's `config.yaml`.

    Args:
        network: class of the network, `OmniglotEmbedder`, `ConvolutionalAutoencoder` or `TwoLayerAutoencoder`; None
            takes the checkpoint's or, without one, the first.
        arguments: arguments of the network; None takes the checkpoint's or, without one, the network's defaults.
        code: a cue is the drawing's `embedding`, or `class_sign`: one binary code for each character, the signs of its
            drawings' mean embedding against the mean of all characters.
        noise: share of the bits of a `class_sign` that are flipped in an episode's cue, drawn anew for each episode.
        cache_dir: folder for the embeddings of a frozen embedder; None is the user's cache folder.

    Raises:
        InputError: an unknown code, noise on embeddings.
    """

    def __init__(
        self,
        network: str | None = None,
        arguments: dict[str, Any] | None = None,
        code: str = "embedding",
        noise: float = 0.0,
        cache_dir: str | None = None,
    ) -> None:
        require_choice("perception.embedder.code", code, CODES)
        require_fraction(**{"perception.embedder.noise": noise})
        require(
            noise == 0 or code == "class_sign",
            f"perception.embedder.noise is {noise}: only binary codes can be noisy, and code is {code!r}",
        )
        self.network, self.arguments = network or None, arguments or None
        self.code, self.noise, self.cache_dir = code, noise, cache_dir

    def build(self) -> ImageEmbedder:
        """Build the network, in evaluation mode.

        Raises:
            InputError: an unknown network, arguments that it does not take.
        """
        name = self.network or "OmniglotEmbedder"
        require_choice("perception.embedder.network", name, tuple(DRAWING_NETWORKS))
        try:
            network = DRAWING_NETWORKS[name](**(self.arguments or {}))
        except TypeError as error:
            raise InputError(f"perception.embedder.arguments do not fit {name}: {error}") from error
        return network.eval()
