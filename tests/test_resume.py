"""A training that was broken off in an epoch ends, once resumed, as one left alone: one test for every stage."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl

from cli import main
from lightning_modules import EpisodicAgent, HiddenStateEncoder, OmniglotAutoencoder, OmniglotEncoder
from tests.lightning_modules.stages import save_drawing_encoder, save_encoder, tiny_encoded, tiny_shown
from tests.runs import BrokenOff, assert_equal_runs, break_off
from tests.tiny import tiny_autoencoder, tiny_bandit, tiny_encoder, tiny_hidden_state_encoder

KAISER = ["--model.objectives.kaiser.weight", "0.5", "--model.objectives.kaiser.memory_size", "20"]
ALL = ["--model.objectives.triplet.weight", "0.5", *KAISER]
STATES = ["--model.averaging", "0.9", "--model.noise", "0.1", *ALL]
LEARNED = ["--model.learner.objectives.softmax", '{"weight": 1.0}', "--model.learner.objectives.kaiser.weight", "0.5"]
PROJECTED = ["--model.perception.cue_input", "true", "--model.perception.cue_projection", "3"]

#: By stage: the module, and arguments of `fit` from the root of runs, generated drawings and a path for a checkpoint.
Arguments = Callable[[Path, Path, Path], list[str]]
STAGES: dict[str, tuple[type[pl.LightningModule], Arguments]] = {
    "agent": (EpisodicAgent, lambda root, drawings, earlier: tiny_bandit(root, epochs=3)),
    "agent with a learner": (
        EpisodicAgent,
        lambda root, drawings, earlier: [
            *tiny_encoded(root, None, save_encoder(earlier), "barcode_bandit_encoder_online", epochs=3),
            *("--model.learner.objectives.kaiser", '{"weight": 0.5, "memory_size": 20}'),
        ],
    ),
    "agent of drawings": (
        EpisodicAgent,
        lambda root, drawings, earlier: tiny_shown(
            root, drawings, save_drawing_encoder(earlier), "omniglot_bandit_harvest", epochs=3
        ),
    ),
    "agent of drawings with a learner": (
        EpisodicAgent,
        lambda root, drawings, earlier: [
            *tiny_shown(root, drawings, save_drawing_encoder(earlier), "omniglot_bandit_learning", epochs=3),
            *LEARNED,
            *PROJECTED,
        ],
    ),
    "autoencoder": (OmniglotAutoencoder, lambda root, drawings, earlier: tiny_autoencoder(root, drawings, epochs=3)),
    "encoder of drawings": (
        OmniglotEncoder,
        lambda root, drawings, earlier: [*tiny_encoder(root, drawings, epochs=3), *ALL],
    ),
    "encoder of states": (
        HiddenStateEncoder,
        lambda root, drawings, earlier: [*tiny_hidden_state_encoder(root, epochs=3), *STATES],
    ),
    "recurrent encoder of states": (
        HiddenStateEncoder,
        lambda root, drawings, earlier: [
            *tiny_hidden_state_encoder(root, "hidden_state_encoder_recurrent", epochs=3),
            *STATES,
        ],
    ),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_training_equals_one_left_alone(
    stage: str, tmp_path: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, arguments_of = STAGES[stage]
    earlier = tmp_path / "earlier" / "stage.ckpt"
    earlier.parent.mkdir()
    arguments = arguments_of(tmp_path, generated_omniglot, earlier)
    assert main(["fit", *arguments, "--run.version", "whole"]) == 0
    with monkeypatch.context() as patched:
        break_off(patched, module, epoch=1, batch=1)
        with pytest.raises(BrokenOff):
            main(["fit", *arguments, "--run.version", "broken"])
    shutil.rmtree(earlier.parent)  # a resumed training needs no earlier stage's checkpoint
    whole, broken = (next(tmp_path.glob(f"*/{version}")) for version in ("whole", "broken"))
    assert main(["fit", "--ckpt_path", str(broken / "checkpoints" / "last.ckpt")]) == 0
    assert_equal_runs(whole, broken)
