"""Checkpoints of stages 1 to 3 for the tests of what comes after them, and agents that use them."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from lightning_modules.hidden_state_encoder import HiddenStateEncoder
from lightning_modules.omniglot_encoder import OmniglotEncoder
from tests.tiny import tiny_bandit, tiny_omniglot_bandit

HIDDEN, VOCABULARY = 50, 50
#: How the small encoder of drawings is built.
DRAWN: dict[str, Any] = {"embedding_size": 8, "backbone": "residual", "channels": 4}


def save_encoder(path: Path, **options: Any) -> Path:
    """A checkpoint of an encoder of states, with weights and statistics of its own."""
    torch.manual_seed(3)
    names = ("embedding_size", "hidden_layer", "layers", "recurrent")
    arguments: dict[str, Any] = {"embedding_size": 8, "hidden_layer": 12}
    arguments |= {name: options.pop(name) for name in names if name in options}
    sizes = {"input_size": HIDDEN, "classes": VOCABULARY}
    module = HiddenStateEncoder(partial(HiddenStateEmbedder, **arguments), **{**sizes, **options})
    with torch.no_grad():
        for _ in range(20):
            module.network.embed(0.4 * torch.randn(60, module.network.input_size))
    checkpoint: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return path


def save_drawing_encoder(path: Path, **options: Any) -> Path:
    """A checkpoint of a small encoder of drawings, with random weights and statistics of its own."""
    torch.manual_seed(3)
    module = OmniglotEncoder(partial(OmniglotEmbedder, **DRAWN), **{"classes": 4, **options})
    with torch.no_grad():
        for _ in range(5):
            module.network.embed(torch.rand(20, 1, 28, 28).pow(4))
    checkpoint: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return path


def tiny_encoded(
    root: Path, agent: Path | None, encoder: Path | None, config: str = "barcode_bandit_encoder", epochs: int = 1
) -> list[str]:
    """Arguments of `fit` for the small twin of a stage-4 config, after the subcommand."""
    sizes = ["--model.keys.embedder.embedding_size", "8", "--model.keys.embedder.hidden_layer", "12"]
    arguments = [*tiny_bandit(root, config, epochs), *sizes, "--run.version", "x"]
    if encoder is not None:
        arguments += ["--model.warm_start.keys", str(encoder)]
    if agent is not None:
        arguments += ["--model.warm_start.agent", str(agent), "--model.warm_start.freeze", "true"]
    return arguments


def tiny_shown(
    root: Path, drawings: Path, encoder: Path | None, config: str = "omniglot_bandit", epochs: int = 1
) -> list[str]:
    """Arguments of `fit` for the small twin of an agent that meets drawings, after the subcommand.

    With a checkpoint, what its network is built with is left for the command line to find out.
    """
    arguments = [
        *tiny_omniglot_bandit(root, drawings, config, epochs),
        "--run.version",
        "x",
        "--trainer.callbacks",
        "null",
    ]
    if encoder is None:
        return arguments
    built = ["--model.perception.embedder.network", "null", "--model.perception.embedder.arguments", "null"]
    return [*arguments, "--model.warm_start.drawings", str(encoder), *built]
