"""The encoder that makes memory keys of an agent's states: how it is built, and where its weights come from."""

from episodic.checkpoints.copying import classifier_weight, copy_classifier, copy_embedder
from episodic.checkpoints.embedders import find_checkpoint
from episodic.checkpoints.reading import read_checkpoint
from episodic.errors import require
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder


class KeyEncoder:
    """How an agent's encoder of states is built; see `episodic.networks.hidden_state_embedder.HiddenStateEmbedder`.

    The numbers have to be those of the checkpoint: with them the agent can be built, tested and resumed without it.

    Args:
        checkpoint: of a trained `HiddenStateEncoder`, or of an agent with an encoder. It is read when the training
            starts, and not needed any more afterwards. None (on the command line '') starts from random weights.
        embedding_size: length of a key.
        hidden_layer: units of a hidden layer.
        layers: number of hidden layers.
        recurrent: whether the hidden layers are an LSTM over the pulls of an episode.
        classes: outputs of its classifier, where the agent uses that; None takes the number of labels.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        embedding_size: int = 64,
        hidden_layer: int = 256,
        layers: int = 1,
        recurrent: bool = False,
        classes: int | None = None,
    ) -> None:
        self.checkpoint, self.classes = checkpoint or None, classes
        self.embedding_size, self.hidden_layer, self.layers = embedding_size, hidden_layer, layers
        self.recurrent = recurrent

    def build(self, input_size: int) -> HiddenStateEmbedder:
        """The network for states of this length, in evaluation mode; `InputError` where a number is not positive."""
        return HiddenStateEmbedder(
            input_size, self.embedding_size, self.hidden_layer, self.layers, self.recurrent
        ).eval()

    def fill(
        self, network: HiddenStateEmbedder, classifier: CosineClassifier | None, *, needed: bool, state: str
    ) -> None:
        """Copy the checkpoint's weights, where one is named.

        Args:
            network: as `build` made it.
            classifier: takes the checkpoint's too.
            needed: whether a classifier that is missing there, or of other sizes, is an error; otherwise it is left.
            state: of the agent that it is going to be fed with, `cell` or `hidden`, or `cue`.

        Raises:
            InputError: see `episodic.checkpoints.copying`; an encoder that was trained on another of these.
        """
        if self.checkpoint is None:
            return
        copy_embedder(network, self.checkpoint)
        trained_on = read_checkpoint(find_checkpoint(self.checkpoint)).get("datamodule_hyper_parameters", {})
        other = trained_on.get("state", state)
        inputs = "cues" if other == "cue" else f"{other} states"
        require(other == state, f"checkpoint {self.checkpoint} holds an encoder of {inputs}: key_state is {state!r}")
        if classifier is not None and (needed or self._has(classifier)):
            copy_classifier(classifier, self.checkpoint)

    def _has(self, classifier: CosineClassifier) -> bool:
        weight = classifier_weight(str(self.checkpoint))
        return weight is not None and weight.shape == classifier.weight.shape


def require_encoder(encoder: KeyEncoder | None, key_source: str) -> None:
    """Raise `InputError` unless there is an encoder for the key source `encoder`, and for no other."""
    if key_source == "encoder":
        require(encoder is not None, "encoder is null: key_source 'encoder' needs one, of class KeyEncoder")
    else:
        require(encoder is None, f"encoder is given with key_source {key_source!r}: it belongs to key_source 'encoder'")
