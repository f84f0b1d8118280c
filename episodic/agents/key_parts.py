"""What makes an agent's keys of its states: an encoder, with whatever learns or predicts on it."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from episodic.agents.key_encoder import KeyEncoder
from episodic.agents.online_learning import OnlineLearner, OnlineLearning
from episodic.errors import require, require_choice
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.tasks.bandit import Bandit

STACK_LABELS = ("context", "predicted")


class KeyParts(NamedTuple):
    """The parts, which the agent registers by these names; all None where no encoder makes its keys."""

    encoder: HiddenStateEmbedder | None = None
    online: OnlineLearner | None = None
    classifier: CosineClassifier | None = None  # that is used, and not trained

    @property
    def labelling(self) -> CosineClassifier | None:
        """The classifier of the encoder's embeddings, where one is trained or used."""
        softmax = self.online.objectives.softmax if self.online is not None else None
        return softmax.classifier if softmax is not None else self.classifier

    def stack_of(self, stack_labels: str) -> Callable[[Tensor], Tensor] | None:
        """What tells the stack of a key; None: the true context does.

        Raises:
            InputError: unknown stack labels, or predicted ones without a classifier.
        """
        require_choice("stack_labels", stack_labels, STACK_LABELS)
        if stack_labels == "context":
            return None
        classifier = self.labelling
        require(
            classifier is not None,
            "stack_labels is 'predicted': it takes an encoder and, with online, the softmax objective",
        )
        assert classifier is not None
        return lambda key: classifier(key).argmax(dim=1)

    def require_learnable(self, task: Bandit) -> None:
        """Raise `InputError` where the encoder learns online, yet cannot from this task."""
        if self.online is None:
            return
        every, classifier, labels = self.online.settings.every, self.labelling, task.label_count
        require(
            task.fixed_labels,
            "online is given, yet labels mean other contexts in other environments: set data.vocabulary",
        )
        require(
            every <= task.episodes,
            f"online.every is {every}: it has to be at most a block's episodes, {task.episodes}",
        )
        require(
            classifier is None or len(classifier.weight) >= labels,
            f"encoder.classes is too small: online learning has {labels} labels to tell apart",
        )


def build_key_parts(
    encoder: KeyEncoder | None,
    online: OnlineLearning | None,
    *,
    input_size: int,
    label_count: int,
    predicts_stacks: bool,
) -> KeyParts:
    """The parts for states, or cues, of length `input_size`.

    Raises:
        InputError: online learning without an encoder, or of a recurrent one; a number out of its range.
    """
    require(online is None or encoder is not None, "online is given without encoder: there is nothing to learn")
    if encoder is None:
        return KeyParts()
    network = encoder.build(input_size).requires_grad_(online is not None)
    classes = label_count if encoder.classes is None else encoder.classes
    if online is not None:
        require(not encoder.recurrent, "encoder.recurrent is true: online learning is of single states, set false")
        return KeyParts(network, OnlineLearner(online, encoder.embedding_size, classes))
    if predicts_stacks:
        return KeyParts(network, None, CosineClassifier(classes, encoder.embedding_size).requires_grad_(False))
    return KeyParts(network)
