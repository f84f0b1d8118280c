"""The classifier that an encoder was trained with, out of its checkpoint."""

from pathlib import Path

from torch import Tensor

from episodic.checkpoints.embedders import EMBEDDER_KEY, find_checkpoint, read_checkpoint
from episodic.errors import require
from episodic.networks.cosine_classifier import CosineClassifier

WEIGHT, AVERAGED = "classifier.weight", "average.module.classifier.weight"


def classifier_weight(path: str | Path) -> Tensor | None:
    """The classes' directions `[C, D]` that go with the encoder of a checkpoint; None where it has no classifier.

    Where the checkpoint keeps averaged weights, which are then the encoder's, they are averaged too.

    Raises:
        InputError: see `episodic.checkpoints.embedders.read_checkpoint`.
    """
    checkpoint = read_checkpoint(find_checkpoint(path))
    state: dict[str, Tensor] = dict(checkpoint["state_dict"])
    description = checkpoint.get(EMBEDDER_KEY)
    if isinstance(description, dict) and str(description.get("prefix")).startswith("average."):
        return state.get(AVERAGED)
    names = (name for name in state if name.endswith(WEIGHT) and name != AVERAGED)
    return state.get(next(names, WEIGHT))


def copy_classifier(classifier: CosineClassifier, path: str | Path) -> None:
    """Copy the classifier of an encoder's checkpoint into another.

    Raises:
        InputError: see `episodic.checkpoints.embedders.read_checkpoint`; no classifier; one of other sizes.
    """
    weight = classifier_weight(path)
    require(weight is not None, f"checkpoint {path} holds no classifier: an encoder trained by softmax is needed")
    assert weight is not None
    there, here = list(weight.shape), list(classifier.weight.shape)
    require(there == here, f"checkpoint {path} holds a classifier of {there} [classes, embedding]: here it is {here}")
    classifier.load_state_dict({"weight": weight})
