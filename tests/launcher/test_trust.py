"""A run folder from somebody else neither runs code nor writes elsewhere."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import main
from launcher import short_names
from launcher.stage_cli import StageCLI
from launcher.trust.check import require_trusted
from launcher.trust.run_config import read_run_config
from launcher.trust.trusted_classes import trusted_class
from tests.hostile import Edit, edit, foreign_run, outside
from tests.recorded import recorded_config
from tests.runs import one_error
from tests.tiny import CONFIGS, PROJECT, tiny_bandit

EVIL = "runs.x.version_0.evil"


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    assert main(["fit", *tiny_bandit(root, epochs=1), "--trainer.callbacks", "[]", "--data.blocks_per_epoch", "1"]) == 0
    return root / "barcode_bandit" / "version_0"


@pytest.fixture
def run(own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's run in the working directory, from which modules are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name == "runs" or name.startswith("runs.")]:
        monkeypatch.delitem(sys.modules, name)
    return foreign_run(own_run, tmp_path)


def checkpoint(run: Path) -> list[str]:
    return ["--ckpt_path", str(run / "checkpoints" / "last.ckpt")]


def model(**arguments: Any) -> Edit:
    return lambda config: config["model"]["init_args"].update(arguments)


def data(**arguments: Any) -> Edit:
    return lambda config: config["data"]["init_args"].update(arguments)


def trainer(**arguments: Any) -> Edit:
    return lambda config: config["trainer"].update(arguments)


def top(**sections: Any) -> Edit:
    return lambda config: config.update(sections)


def part(name: str, /, **arguments: Any) -> dict[str, Any]:
    return {"class_path": name, "init_args": arguments}


LIGHTNING = "pytorch_lightning"
TOUCH = part("subprocess.Popen", args=["touch", "marker"])
ATTACKS: dict[str, Edit] = {
    "a model in the run's folder": lambda config: config["model"].update(class_path=f"{EVIL}.Evil"),
    "data in the run's folder": lambda config: config["data"].update(class_path=f"{EVIL}.Evil"),
    "the name of a function": model(core=f"{EVIL}.go"),
    "an optimiser": model(optimizer=part(f"{EVIL}.Evil", lr=1.0)),
    "a schedule": model(learning_rate_schedule=f"{EVIL}.Evil"),
    "a task": data(task=part(f"{EVIL}.Evil")),
    "a class where any value may stand": data(evaluation=part(f"{EVIL}.Evil")),
    "a class within a text": model(core=f'{{"class_path": "{EVIL}.go"}}'),
    "a class within a text of settings": data(evaluation={"noise": f'{{"class_path": "{EVIL}.go"}}'}),
    "another config": top(model="evil.yaml"),
    "a config in the config": top(config="evil.yaml"),
    "a list of configs": top(config=["evil.yaml"]),
    "another config of the trainer": top(trainer="evil.yaml"),
    "a dotted option": lambda config: config.update({"trainer.callbacks": [part(f"{EVIL}.Evil")]}),
    "an appended option": trainer(**{"callbacks+": part(f"{EVIL}.Evil")}),
    "a process as a callback": trainer(callbacks=[TOUCH]),
    "a process as a plugin": trainer(plugins=[TOUCH]),
    "a process as a strategy": trainer(strategy=TOUCH),
    "a process as a profiler": trainer(profiler=TOUCH),
    "a process as a logger": trainer(logger=TOUCH),
    "a callback of functions": trainer(callbacks=[part(f"{LIGHTNING}.callbacks.LambdaCallback", setup=f"{EVIL}.go")]),
    "a function for an average": trainer(
        callbacks=[part(f"{LIGHTNING}.callbacks.StochasticWeightAveraging", swa_lrs=0.1, avg_fn=f"{EVIL}.go")]
    ),
    "more arguments": lambda config: config["model"].update(dict_kwargs={"core": f"{EVIL}.go"}),
    "checkpoints elsewhere": trainer(
        callbacks=[part(f"{LIGHTNING}.callbacks.ModelCheckpoint", dirpath="elsewhere", every_n_epochs=1)]
    ),
    "a profile elsewhere": trainer(
        profiler=part(f"{LIGHTNING}.profilers.SimpleProfiler", dirpath="elsewhere", filename="x")
    ),
    "a profile of a path": trainer(
        profiler=part(f"{LIGHTNING}.profilers.SimpleProfiler", filename="../../../elsewhere")
    ),
    "logs elsewhere": trainer(logger=part(f"{LIGHTNING}.loggers.CSVLogger", save_dir="elsewhere")),
    "logs of a name that climbs": trainer(
        logger=part(f"{LIGHTNING}.loggers.CSVLogger", save_dir="runs/x/version_0", name="../../../elsewhere")
    ),
    "this project's logger elsewhere": trainer(logger=part("callbacks.MetricsCSV", folder="elsewhere")),
    "this project's writer elsewhere": trainer(callbacks=[part("callbacks.LastCheckpoint", folder="elsewhere")]),
    "a root elsewhere": trainer(default_root_dir="elsewhere"),
    "a pickle": top(weights_only=False),
    "a section that is no option": top(elsewhere={"class_path": f"{EVIL}.Evil"}),
    "a terminal's escapes": lambda config: config["model"].update(class_path="\x1b[2J\u202eevil.Evil"),
    "a million threads": lambda config: config["run"].update(threads=10**6),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_strangers_config_is_refused(
    attack: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evil.yaml").write_text(yaml.safe_dump({"class_path": f"{EVIL}.Evil"}))
    edit(run, ATTACKS[attack])
    before = outside(tmp_path, run)
    assert main(["test", *checkpoint(run)]) == 2
    error = one_error(capsys)
    assert "--trust" in error
    assert "--config" in error
    assert error.isprintable()
    assert not (tmp_path / "marker").exists()
    assert outside(tmp_path, run) == before


@pytest.mark.parametrize("command", ["fit", "validate", "predict"])
def test_every_command_refuses_it(command: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(run, ATTACKS["a model in the run's folder"])
    assert main([command, *checkpoint(run)]) == 2
    assert f"model names '{EVIL}.Evil'" in one_error(capsys)


YAML_ATTACKS = {
    "python": "x: !!python/object/apply:os.system ['touch marker']\n",
    "anchors": "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "itself": "model: &a [*a]\n",
    "deep": f"model: {'[' * 50_000}{']' * 50_000}\n",
    "deep blocks": "model: " + "- " * 5000 + "1\n",
    "large": "seed_everything: 1 #" + "x" * 2_000_000,
    "no mapping": "- 1\n",
    "no text": "\x00\x1b\n",
}


@pytest.mark.parametrize("attack", YAML_ATTACKS)
def test_a_config_that_would_fill_the_memory_is_refused(
    attack: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run / "config.yaml"
    path.write_text(path.read_text().splitlines()[0] + "\n" + YAML_ATTACKS[attack])
    assert main(["test", *checkpoint(run)]) == 2
    assert "config.yaml" in one_error(capsys)
    assert not Path("marker").exists()


def test_a_strangers_run_stays_in_its_folder(run: Path, tmp_path: Path) -> None:
    def move(config: dict[str, Any]) -> None:
        config["run"].update(root=str(tmp_path / "elsewhere"), name="y")
        config["trainer"]["default_root_dir"] = str(tmp_path / "elsewhere" / "y" / "version_0")

    edit(run, move)
    assert main(["test", *checkpoint(run), "--run.version", "noisy"]) == 0
    assert (run.parent / "noisy" / "metrics.json").is_file()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("how", [["--trust"], ["--config", "runs/x/version_0/config.yaml"]])
def test_a_class_of_ones_own_needs_a_word(how: list[str], run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("from episodic.networks import EpisodicLSTM\nclass MyCore(EpisodicLSTM): pass\n")
    edit(run, lambda config: config["model"]["init_args"]["core"].update(class_path="mine.MyCore"))
    assert main(["test", *checkpoint(run)]) == 2
    assert "model.core names 'mine.MyCore'" in one_error(capsys)
    assert main(["test", *checkpoint(run), *how]) == 0


def test_what_lightning_offers_within_the_run_is_trusted(run: Path) -> None:
    logger = part(f"{LIGHTNING}.loggers.CSVLogger", save_dir=str(run), name="logs", version=0)
    edit(run, trainer(logger=logger, callbacks=[part("EarlyStopping", monitor="val/reward"), "BanditPlots"]))
    assert main(["test", *checkpoint(run), "--trainer.callbacks", "[]"]) == 0


def test_the_command_lines_own_classes_are_trusted() -> None:
    for name in short_names.__all__:
        kind = getattr(short_names, name)
        assert trusted_class(name) is kind
        assert trusted_class(f"{kind.__module__}.{name}") is kind


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_is_trusted_as_a_run_records_it(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs" / config.stem / "version_0" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(recorded_config(StageCLI, config))
    require_trusted(read_run_config(path), path, lambda name: False)


GADGETS = [
    "torch.hub.load", "torch.load", "torch.jit.load", "torch.utils.cpp_extension.load", "torch.optim",
    "torch.optim.torch.load", "torch.optim.lr_scheduler.LambdaLR", "torch.optim.optimizer.warnings",
    "subprocess.Popen", "os.system", "builtins.eval", "functools.partial", "Popen", "LambdaCallback",
    "pytorch_lightning.Trainer", "pytorch_lightning.callbacks.LambdaCallback",
    "pytorch_lightning.callbacks.ModelCheckpoint", "pytorch_lightning.callbacks.os",
    "pytorch_lightning.cli.LightningCLI", "pytorch_lightning.loggers.WandbLogger",
    "pytorch_lightning.loggers.MLFlowLogger", "launcher.demo.command", "cli.main", "experiments.run.main",
    "episodic.files.replacing", "episodic.files.Path", "episodic.files.os.system", "episodic", "episodic.",
    "episodic.errors.InputError", "callbacks.HarvestWriter", "callbacks.PredictionWriter",
    "callbacks.metrics_csv.MetricsCSV", ".episodic", "episodic..memory", ".",
]  # fmt: skip


@pytest.mark.parametrize("name", [*GADGETS, "", "a b", "os\n.system"])
def test_whatever_else_can_be_imported_is_not_trusted(name: str) -> None:
    assert trusted_class(name) is None


def test_the_documents_say_what_is_trusted() -> None:
    assert "--trust" in (PROJECT / "README.md").read_text()
    assert "--trust" in (PROJECT / "SECURITY.md").read_text()
