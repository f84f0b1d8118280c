"""What a command ends with."""

import shlex
import signal
from pathlib import Path

import pytest

from cli import main
from episodic.tasks import (
    BarcodeBandit,
    CompositionalBandit,
    CompositionalDrawingBandit,
    ContextualChoice,
    DrawingBandit,
    TwoStep,
    WaterMaze,
)
from launcher.summaries.metric_table import headline_metrics
from launcher.summaries.references import paper_reward, references
from lightning_modules.episodic_agent import EpisodicAgent
from tests.tiny import tiny_autoencoder, tiny_bandit

VOCABULARY = ["--data.task.vocabulary", "5"]


@pytest.fixture(scope="module")
def agent_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_bandit(root, epochs=1), *VOCABULARY]) == 0
    return root / "barcode_bandit" / "version_0"


def next_arguments(printed: str) -> list[str]:
    """The arguments of the first command that a summary proposes."""
    line = next(line for line in printed.splitlines() if line.startswith("  next"))
    return shlex.split(line)[3:]


def test_the_commands_lead_from_one_to_the_next(agent_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A training names its test, the test a prediction, and that the training of an encoder with its harvest."""
    assert main(["fit", *tiny_bandit(agent_run.parents[1], epochs=1), *VOCABULARY]) == 0
    printed = capsys.readouterr().out
    run = agent_run.with_name("version_1")
    for text in (str(run), "fit finished in", "val/reward", "chance", "ideal", "best.ckpt, val/reward "):
        assert text in printed
    assert "\x1b" not in printed
    assert main(next_arguments(printed)) == 0
    printed = capsys.readouterr().out
    assert f"{run / 'metrics.json'}, all " in printed
    assert f"{run / 'figures'} (4)" in printed
    assert main(next_arguments(printed)) == 0
    encoder = next_arguments(capsys.readouterr().out)
    assert encoder[:2] == ["fit", "--config"]
    assert Path(encoder[2]).name == "hidden_state_encoder.yaml"
    assert encoder[3:] == ["--data.harvest", str(run / "harvest.npz")]


def test_the_next_command_trusts_a_run_of_other_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    callback = "pytorch_lightning.callbacks.LambdaCallback"
    assert main(["fit", *tiny_bandit(tmp_path, epochs=1), "--trainer.callbacks", callback]) == 0
    arguments = next_arguments(capsys.readouterr().out)
    assert arguments[-1] == "--trust"
    assert main(arguments) == 0


def test_the_next_command_trusts_the_run_that_it_goes_on_with(
    agent_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = str(agent_run / "checkpoints" / "best.ckpt")
    assert main(["test", "--ckpt_path", best, "--run.root", str(tmp_path)]) == 0
    assert "--trust" not in next_arguments(capsys.readouterr().out)


def test_a_training_that_stopped_early_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, epochs=3), "--trainer.max_steps", "9"]) == 0
    printed = capsys.readouterr().out
    assert "fit stopped after" in printed
    assert " of 3 epochs" in printed
    assert "fit finished" not in printed


def test_the_table_of_a_test_is_short(agent_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = str(agent_run / "checkpoints" / "best.ckpt")
    assert (
        main(["test", "--ckpt_path", best, "--data.task.exposures", "6", "--trainer.enable_progress_bar", "false"]) == 0
    )
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("test/")]
    names = [row[0] for row in rows]
    assert len(rows) <= 14
    assert names[0] == "test/reward"
    assert [name[-2:] for name in names if "reward_exposure" in name] == ["01", "02", "06"]
    assert all(
        len(number.replace(".", "").replace("-", "").lstrip("0")) <= 4 for _, *numbers in rows for number in numbers
    )
    assert len(rows[0]) == 4, "name, value, chance, ideal, and no number of the paper, whose task is another"


def test_an_encoder_is_exported_after_its_test(
    tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_autoencoder(tmp_path, generated_omniglot, epochs=1)]) == 0
    capsys.readouterr()
    run = tmp_path / "autoencoder" / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert f"-m launcher.export {run} autoencoder.ckpt" in capsys.readouterr().out


@pytest.mark.parametrize("epoch", [0, 1])
def test_an_interrupted_training_says_how_it_is_resumed(
    epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = EpisodicAgent.training_step

    def interrupted(self: EpisodicAgent, batch: object, batch_idx: int) -> None:
        if self.current_epoch == epoch:
            signal.raise_signal(signal.SIGINT)
        step(self, batch, batch_idx)  # type: ignore[arg-type]

    monkeypatch.setattr(EpisodicAgent, "training_step", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        assert main(["fit", *tiny_bandit(tmp_path)]) == 130
    finally:
        signal.signal(signal.SIGINT, handler)
    printed = capsys.readouterr().err
    last = tmp_path / "barcode_bandit" / "version_0" / "checkpoints" / "last.ckpt"
    assert last.is_file()
    assert f"fit --ckpt_path {last}" in printed
    assert "interrupted" in printed


@pytest.mark.parametrize(
    ("task", "agent", "paper"),
    [
        (BarcodeBandit(), "epL2RL", 7.6),
        (BarcodeBandit(), "L2RL", 4.3),
        (BarcodeBandit(), None, None),
        (BarcodeBandit(arms=5), "epL2RL", None),
        (BarcodeBandit(noise=0.1), "epL2RL", None),
        (DrawingBandit().on(964, 784, labels=964), "epL2RL", 7.5),
        (DrawingBandit(cue="barcode"), "epL2RL", None),
        (CompositionalBandit(), "epL2RL", 4.2),
        (CompositionalBandit(stored="queried"), "L2RL+context", 3.85),
        (CompositionalBandit(classes=100), "epL2RL", None),
        (CompositionalDrawingBandit().on(964, 784, labels=964), "epL2RL", 4.2),
        (TwoStep(), "epL2RL", 71.0),
        (TwoStep(steps_per_trial=1, cued="halves"), "L2RL", 68.0),
        (TwoStep(common=0.8), "epL2RL", None),
        (WaterMaze(), "epL2RL", 6.9),
        (WaterMaze(), "L2RL", 5.1),
        (WaterMaze(distinct_goals=True), "epL2RL", None),
        (ContextualChoice(), "epL2RL", None),
        (None, "epL2RL", None),
    ],
)
def test_the_paper_is_quoted_for_its_own_settings_alone(task: object, agent: str | None, paper: float | None) -> None:
    assert paper_reward(task, agent) == paper


def test_chance_and_the_ideal_follow_from_task_and_metrics() -> None:
    metrics = {"test/reward": 4.0, "test/ideal_fraction": 0.5, "test/5way_1shot": 0.9, "test/loss": 1.0}
    assert references("test/reward", metrics, BarcodeBandit(arms=5, pulls=2)).chance == pytest.approx(0.52)
    assert references("test/reward", metrics).ideal == 8.0
    assert references("test/reward", {**metrics, "test/ideal_fraction": 0.0}).ideal is None
    assert references("test/5way_1shot", metrics).chance == 0.2
    assert set(references("test/loss", metrics)) == {None}


def test_metrics_by_number_are_shown_at_both_ends() -> None:
    pulls = [f"test/accuracy_pull_{pull:02d}" for pull in range(1, 11)]
    names = [*pulls, "test/accuracy", "test/map_at_r", "test/map_at_r_rotated", "test/recall_at_1"]
    shown = ["test/accuracy", "test/recall_at_1", "test/map_at_r", *(pulls[index] for index in (0, 1, 9))]
    assert headline_metrics(names) == shown
    assert headline_metrics(names, most=2) == shown[:2]


def test_stay_probabilities_come_before_what_is_less_telling() -> None:
    stays = [name for name in TwoStep().measures if "_cued_" not in name]
    names = [f"test/{name}" for name in ("nothing_recalled", "slots_in_use", *stays, "reward", "recall_accuracy")]
    shown = headline_metrics(names)
    assert shown[:2] == ["test/reward", "test/recall_accuracy"]
    assert shown[-2:] == ["test/nothing_recalled", "test/slots_in_use"]


@pytest.mark.parametrize(("threshold", "hints"), [("1.0", True), ("null", False)])
def test_a_memory_that_recalls_nothing_is_told(
    threshold: str, hints: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [
        "--model.keys.source",
        "hidden",
        "--model.perception.cue_input",
        "true",
        "--model.memory.threshold",
        threshold,
    ]
    assert main(["fit", *tiny_bandit(tmp_path, epochs=1), *keys]) == 0
    assert ("model.memory.threshold, 1; choose a lower one" in capsys.readouterr().out) is hints
