"""The settings of an embedder of keys: how the network is built that embeds states or cues."""

from episodic.networks.hidden_state_embedder import HiddenStateEmbedder


class StateEmbedderConfig:
    """How an embedder of keys is built; see `episodic.networks.HiddenStateEmbedder`.

    The numbers must equal those of the checkpoint that provides the weights (`WarmStart.keys`). With them the agent can
    be built, tested and resumed without that file.

    Args:
        embedding_size: length of a key.
        hidden_layer: units of a hidden layer.
        layers: number of hidden layers.
        recurrent: whether the hidden layers are an LSTM over the steps of an episode.
        classes: outputs of its classifier, if the agent uses one; None takes the number of labels.

    >>> StateEmbedderConfig(embedding_size=8).build(input_size=50).embedding_size
    8
    """

    def __init__(
        self,
        embedding_size: int = 64,
        hidden_layer: int = 256,
        layers: int = 1,
        recurrent: bool = False,
        classes: int | None = None,
    ) -> None:
        self.embedding_size, self.hidden_layer, self.layers = embedding_size, hidden_layer, layers
        self.recurrent, self.classes = recurrent, classes

    def build(self, input_size: int) -> HiddenStateEmbedder:
        """Build the network for inputs of this length, in evaluation mode.

        Raises:
            InputError: a number that is not positive.
        """
        return HiddenStateEmbedder(
            input_size, self.embedding_size, self.hidden_layer, self.layers, self.recurrent
        ).eval()
