"""A training that ended early ends, once resumed, as one left alone: every stage, and every way to end."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Timer

from cli import main
from launcher.main import INTERRUPTED, TERMINATED
from lightning_modules import EpisodicAgent, HiddenStateEncoder, OmniglotAutoencoder, OmniglotEncoder
from tests.lightning_modules.stages import save_drawing_encoder, save_encoder, tiny_encoded, tiny_shown
from tests.runs import BrokenOff, assert_equal_runs, at_batch, raise_error
from tests.tiny import tiny_autoencoder, tiny_bandit, tiny_encoder, tiny_hidden_state_encoder

KAISER = ["--model.objectives.kaiser.weight", "0.5", "--model.objectives.kaiser.memory_size", "20"]
ALL = ["--model.objectives.triplet.weight", "0.5", *KAISER]
STATES = ["--model.averaging", "0.9", "--model.noise", "0.1", *ALL]
LEARNED = ["--model.learner.objectives.softmax", '{"weight": 1.0}', "--model.learner.objectives.kaiser.weight", "0.5"]
PROJECTED = ["--model.perception.cue_input", "true", "--model.perception.cue_projection", "3"]

NO_PICTURES = ["--trainer.callbacks=[]"]

#: By stage: the module, and arguments of `fit` from the root of runs, generated drawings and a path for a checkpoint.
Arguments = Callable[[Path, Path, Path], list[str]]
STAGES: dict[str, tuple[type[pl.LightningModule], Arguments]] = {
    "agent": (EpisodicAgent, lambda root, drawings, earlier: tiny_bandit(root, epochs=3)),
    "agent whose state lasts": (
        EpisodicAgent,
        lambda root, drawings, earlier: tiny_bandit(root, "barcode_bandit_lru", epochs=3),
    ),
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
    "encoder of drawings with a teacher": (
        OmniglotEncoder,
        lambda root, drawings, earlier: [
            *tiny_encoder(root, drawings, epochs=3),
            *("--model.teachers.checkpoints", f"[{save_drawing_encoder(root / 'teacher.ckpt')}]"),
        ],
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


class Ending(NamedTuple):
    """How a training ends early."""

    at: tuple[int, int]  # epoch and batch
    end: Callable[[pl.Trainer], None] | None  # called in that batch
    status: int | None  # of the command; None where an error reaches the caller
    arguments: Sequence[str] = ()  # of this training
    resumed: Sequence[str] = ()  # of the training that goes on
    shared: Sequence[str] = ()  # of every training
    step: str = "training_step"


def stop(trainer: pl.Trainer) -> None:
    trainer.should_stop = True


def use_time_up(trainer: pl.Trainer) -> None:
    timer = next(callback for callback in trainer.callbacks if isinstance(callback, Timer))  # type: ignore[attr-defined]
    timer._offset += 1_000_000


def signalled(number: int) -> Callable[[pl.Trainer], None]:
    return lambda trainer: os.kill(os.getpid(), number)


EARLY = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.mode=max"]
EARLY += ["--trainer.callbacks.stopping_threshold=-9"]  # at the first validation
#: Schedules follow the planned length of a training: where endings differ in it, there are none.
CONSTANT = {
    "agent": ["--model.learning_rate_schedule=null", "--model.loss.entropy_weight.end=0.05"],
    "encoder of states": ["--model.learning_rate_schedule=null"],
}
MONITORS = {"agent": "val/reward", "encoder of states": "val/accuracy"}

ERROR = Ending((1, 1), raise_error, None)
STOP = Ending((1, 0), stop, 0)
ENDINGS: dict[str, Ending] = {
    "SIGTERM": Ending((1, 0), signalled(signal.SIGTERM), TERMINATED),
    "SIGINT": Ending((0, 0), signalled(signal.SIGINT), INTERRUPTED),
    "SIGTERM in a validation": Ending((1, 0), signalled(signal.SIGTERM), TERMINATED, step="validation_step"),
    "SIGTERM in the last validation": Ending((2, 0), signalled(signal.SIGTERM), 0, step="validation_step"),
    "max_time": Ending((1, 0), use_time_up, 0, ["--trainer.max_time=00:01:00:00"], ["--trainer.max_time=null"]),
    "stop between validations": Ending((1, 0), stop, 0, shared=["--trainer.val_check_interval=1"]),
    "SIGTERM with max_steps": Ending((0, 0), signalled(signal.SIGTERM), TERMINATED, shared=["--trainer.max_steps=13"]),
    "rare checkpoints": Ending((1, 0), stop, 0, shared=["--checkpoint.every_n_epochs=4"]),
}
#: Of these the planned length differs.
LENGTHS: dict[str, Ending] = {
    "max_steps": Ending((9, 0), None, 0, ["--trainer.max_steps=8"], ["--trainer.max_steps=-1"]),
    "fewer epochs": Ending((9, 0), None, 0, ["--trainer.max_epochs=2"], ["--trainer.max_epochs=3"]),
    "early stopping": Ending((9, 0), None, 0, EARLY, ["--trainer.callbacks=[]"]),
}


class Trainings:
    """Runs of every stage below one folder, of which those that are left alone are trained once."""

    def __init__(self, root: Path, drawings: Path) -> None:
        self.root, self.drawings, self.count = root, drawings, 0
        self.whole: dict[tuple[str, ...], Path] = {}

    def arguments(self, stage: str, shared: Sequence[str]) -> list[str]:
        folder = self.root / stage
        folder.mkdir(exist_ok=True)
        earlier = folder / "earlier.ckpt"
        return [*STAGES[stage][1](folder, self.drawings, earlier), *NO_PICTURES, *shared]

    def fit(self, stage: str, arguments: list[str]) -> tuple[int, Path]:
        """Train a new run; the status of the command, and the run's folder."""
        self.count += 1
        version = f"run_{self.count}"
        status = main(["fit", *arguments, "--run.version", version])
        (self.root / stage / "earlier.ckpt").unlink(missing_ok=True)  # a resume does without it
        return status, next((self.root / stage).glob(f"*/{version}"))

    def left_alone(self, stage: str, shared: Sequence[str]) -> Path:
        key = (stage, *shared)
        if key not in self.whole:
            status, self.whole[key] = self.fit(stage, self.arguments(stage, shared))
            assert status == 0
        return self.whole[key]

    def check(self, stage: str, ending: Ending, shared: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """End a run early, let it go on, and compare it with one left alone."""
        whole = self.left_alone(stage, shared)
        with monkeypatch.context() as patched:
            if ending.end is not None:
                at_batch(patched, STAGES[stage][0], *ending.at, ending.end, ending.step)
            arguments = [*self.arguments(stage, shared), *ending.arguments]
            if ending.status is None:
                with pytest.raises(BrokenOff):
                    self.fit(stage, arguments)
                run = next((self.root / stage).glob(f"*/run_{self.count}"))
            else:
                status, run = self.fit(stage, arguments)
                assert status == ending.status
        (self.root / stage / "earlier.ckpt").unlink(missing_ok=True)
        assert main(["fit", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), *ending.resumed]) == 0
        assert_equal_runs(whole, run, apart_from="EarlyStopping")
        assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Trainings:
    return Trainings(tmp_path_factory.mktemp("trainings"), generated_omniglot)


@pytest.mark.parametrize("ending", [ERROR, STOP], ids=["error", "stop"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_training_equals_one_left_alone(
    stage: str, ending: Ending, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings.check(stage, ending, [], monkeypatch)


@pytest.mark.parametrize("ending", [*ENDINGS, *LENGTHS])
@pytest.mark.parametrize("stage", CONSTANT)
def test_it_does_whatever_ended_the_training(
    stage: str, ending: str, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = (ENDINGS | LENGTHS)[ending]
    if ending == "early stopping":
        how = how._replace(arguments=[*how.arguments, f"--trainer.callbacks.monitor={MONITORS[stage]}"])
    trainings.check(stage, how, CONSTANT[stage] if ending in LENGTHS else how.shared, monkeypatch)
