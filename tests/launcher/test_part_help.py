"""Help for commands, and for every part by its class's short name."""

import pytest

from cli import main
from tests.runs import one_error
from tests.tiny import PROJECT

BARCODES = ["--config", str(PROJECT / "configs" / "barcode_bandit.yaml")]
OMNIGLOT = ["--config", str(PROJECT / "configs" / "omniglot_bandit.yaml")]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["--model.help"], ["EpisodicAgent", "OmniglotAutoencoder", "HiddenStateEncoder"]),
        (["--model.help", "EpisodicAgent"], ["--model.core", "--model.gradient_norm float", "default: 1.0"]),
        (["--model.help=EpisodicAgent"], ["--model.core"]),
        (["--model.memory.help"], ["EpisodicMemory", "StackMemory", "FuzzyMemory"]),
        (["--model.memory.help", "StackMemory"], ["--model.memory.key_update str"]),
        (["--model.memory.help", "episodic.memory.StackMemory"], ["--model.memory.key_update str"]),
        ([*BARCODES, "--model.memory.help"], ["StackMemory", "--model.memory.threshold float"]),
        (["--model.memory", "StackMemory", "--model.memory.help"], ["--model.memory.key_update"]),
        (["--model.core.help"], ["EpisodicGRU", "--model.core.hidden_size int", "default: 50"]),
        (["--model.keys.help"], ["--model.keys.source"]),
        (["--model.keys.embedder.help"], ["--model.keys.embedder.embedding_size"]),
        (["--model.optimizer.help"], ["AdamW", "--model.optimizer.lr"]),
        (["--model.loss.entropy_weight.help", "LinearSchedule"], ["--model.loss.entropy_weight.start"]),
        (["--data.help"], ["BlockDataModule", "OmniglotBanditDataModule"]),
        (["--data.task.help", "BarcodeBandit"], ["--data.task.bits int"]),
        ([*OMNIGLOT, "--data.task.help"], ["--data.task.distance int"]),
        (["--trainer.help"], ["--trainer.sync_batchnorm", "--trainer.max_epochs"]),
        (["--trainer.callbacks.help"], ["BanditPlots", "EarlyStopping"]),
        (["--trainer.callbacks.help", "BanditPlots"], ["--trainer.callbacks.player_environments"]),
        (["--checkpoint.help"], ["--checkpoint.monitor"]),
        (["--run.help"], ["--run.root"]),
    ],
    ids=lambda value: " ".join(value[-2:]),
)
def test_a_part_is_described(asked: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *asked]) == 0
    printed = capsys.readouterr().out
    for text in expected:
        assert text in printed
    assert "--model.memory.capacity" not in printed, "an argument that the program gives"


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (["--model.help", "Foo"], "Foo is not a known class for it: it may be EpisodicAgent"),
        (
            ["--model.memory.help", "EpisodicLSTM"],
            "it may be AttentionMemory, DeltaMemory, EpisodicMemory, FuzzyMemory, StackMemory",
        ),
        (["--model.memory.help", "no.where"], "no.where is not a known class"),
        (["--model.nothing.help"], "no class that model takes has a part nothing"),
        ([*BARCODES, "--model.nothing.help"], "EpisodicAgent has no part nothing; its parts are core, memory"),
        (["--model.gradient_norm.help"], "gradient_norm is of type float"),
        (["--config", "none.yaml", "--model.core.help"], "none.yaml does not exist"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_an_unknown_part_or_class_is_one_line(
    asked: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *asked]) == 2
    assert complaint in one_error(capsys)


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_the_help_of_a_command_has_sections_and_few_lines(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    for section in ("trainer: ", "model: ", "data: ", "run: ", "checkpoint: "):
        assert f"\n{section}" in printed
    assert "--trainer.max_epochs int" in printed
    assert "--trainer.sync_batchnorm" not in printed
    assert "\x1b" not in printed
    assert len(printed.splitlines()) < 90
