"""Commands that run at the same moment, are broken off, or use other people's runs lose nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml

from cli import main
from launcher.runs.process_lock import ProcessLock
from launcher.runs.run_folder import RunFolder
from tests.harvests import generated_harvest
from tests.runs import files, one_error
from tests.tiny import PROJECT, tiny_bandit, tiny_hidden_state_encoder

QUIET = ["--trainer.callbacks", "[]", "--trainer.enable_progress_bar", "false"]
NOBODY = 65534


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_bandit(root), *QUIET]) == 0
    return RunFolder(root, "barcode_bandit", "version_0")


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of a trained run, alone under its root."""
    shutil.copytree(trained.path, tmp_path / "runs" / trained.name / trained.version)
    return RunFolder(tmp_path / "runs", trained.name, trained.version)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may look into; pytest closes its own to others."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_five_trainings_at_once_have_five_folders(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.simultaneous", str(tmp_path), "--rounds", "1"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "5 folders, all complete" in result.stdout


def test_a_run_that_another_process_uses_is_left_alone(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    lock = ProcessLock(run.lock)
    assert lock.acquire()
    before = files(run.root)
    for command in ("fit", "test", "validate", "predict"):
        assert main([command, "--ckpt_path", str(run.last), *QUIET]) == 2
        assert "is in use by process" in one_error(capsys)
    assert files(run.root) == before
    assert main(["test", "--ckpt_path", str(run.best), "--run.version", "meanwhile", *QUIET]) == 0
    assert (run.path.parent / "meanwhile" / "metrics.json").is_file()
    assert {name: files(run.root)[name] for name in before} == before


def test_a_test_by_config_names_the_checkpoint(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", *tiny_bandit(run.root), *QUIET]) == 0
    assert f"checkpoint: {run.best}\n" in capsys.readouterr().out
    assert (run.path / "metrics.json").is_file()


def test_commands_leave_no_locks_and_no_temporary_files(run: RunFolder) -> None:
    for command in ("fit", "test", "predict"):
        more = ["--trainer.max_epochs", "3"] if command == "fit" else []
        assert main([command, "--ckpt_path", str(run.last), *QUIET, *more]) == 0
    assert not [path for path in run.root.rglob("*") if path.name.startswith(".")]


def test_a_trial_run_leaves_nothing(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), *QUIET, "--trainer.fast_dev_run", "true"]) == 0
    assert not list(tmp_path.iterdir())


def test_earlier_configs_are_all_kept(run: RunFolder) -> None:
    first = run.config.read_text()
    kept = run.path / "config_before_resume_1.yaml"  # of the two that there were, the other is gone
    kept.write_text("kept")
    for epochs in ("3", "4"):
        assert main(["fit", "--ckpt_path", str(run.last), *QUIET, "--trainer.max_epochs", epochs]) == 0
    assert (run.path / "config_before_resume_0.yaml").read_text() == first
    assert kept.read_text() == "kept"
    assert "max_epochs: 3" in (run.path / "config_before_resume_2.yaml").read_text()


def test_a_chained_config_takes_the_newest_finished_run(
    run: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    harvest = f"{run.path.parent}/latest/harvest.npz"
    encoder = [*tiny_hidden_state_encoder(run.root, epochs=1), *QUIET, "--data.harvest", harvest]
    assert main(["fit", *encoder]) == 2
    assert "has no harvest.npz; `python cli.py predict" in one_error(capsys)
    assert not (run.root / "hidden_state_encoder").exists()
    generated_harvest(run.path / "harvest.npz")
    assert main(["fit", *encoder]) == 0
    assert f"data.harvest: {run.path}/harvest.npz, of the newest finished run" in capsys.readouterr().out
    saved = yaml.safe_load((run.root / "hidden_state_encoder" / "version_0" / "config.yaml").read_text())
    assert saved["data"]["init_args"]["harvest"] == str(run.path / "harvest.npz")


def test_predict_of_the_latest_run(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    latest = run.path.parent / "latest" / "checkpoints" / "best.ckpt"
    assert main(["predict", "--ckpt_path", str(latest), *QUIET]) == 0
    assert f"ckpt_path: {run.best}, of the newest finished run" in capsys.readouterr().out
    with np.load(run.path / "harvest.npz") as harvest:
        assert len(harvest["label"])
    run.last.unlink()
    assert main(["predict", "--ckpt_path", str(latest)]) == 2
    assert "`python cli.py fit --config configs/barcode_bandit.yaml` trains one" in one_error(capsys)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become another user")
def test_a_read_only_run_of_somebody_else(trained: RunFolder, public: Path) -> None:
    run = RunFolder(public, trained.name, trained.version)
    shutil.copytree(trained.path, run.path)
    code = (
        "import os, sys\n"
        "from cli import main\n"
        "best, mine, warm = sys.argv[1:]\n"
        "quiet = ['--trainer.callbacks', '[]', '--trainer.enable_progress_bar', 'false', '--ckpt_path', best]\n"
        "for command in ('test', 'predict'):\n"  # imports everything as root, who may read all of Python
        "    assert main([command, *quiet, '--run.root', warm, '--run.name', command]) == 0\n"
        f"os.setegid({NOBODY}); os.seteuid({NOBODY})\n"
        "for command in ('fit', 'test', 'validate', 'predict'):\n"
        "    assert main([command, *quiet]) == 2\n"
        "for command in ('test', 'validate', 'predict'):\n"
        "    assert main([command, *quiet, '--run.root', mine, '--run.name', command]) == 0\n"
    )
    mine = public / "mine"
    mine.mkdir()
    mine.chmod(0o777)
    before = files(run.path)
    environment = {**os.environ, "HOME": str(mine), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, str(run.best), str(mine), str(public / "warm")]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    errors = result.stderr.strip().splitlines()
    assert len(errors) == 4
    for line in errors:
        assert "version_0 cannot be written to (Permission denied): --run.root DIR or" in line
    assert files(run.path) == before
    for command_name, file in (("test", "metrics.json"), ("validate", "validation.json"), ("predict", "harvest.npz")):
        assert (mine / command_name / "version_0" / file).is_file()
