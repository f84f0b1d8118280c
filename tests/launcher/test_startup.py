"""What is checked before anything heavy is imported."""

import os
import subprocess
import sys

import pytest

from launcher.errors.startup import environment_fault, missing_package
from tests.tiny import PROJECT


@pytest.mark.parametrize("value", ["", "abc", "-1", "1.5", "99999999999", "\x1b[31m", "0x1", " 1", "\u00b2"])
@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "WORLD_SIZE", "PL_GLOBAL_SEED", "SLURM_PROCID", "MASTER_PORT"])
def test_a_variable_that_is_no_number_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    fault = environment_fault()
    assert fault is not None
    assert fault.startswith(f"environment variable {name} is {value!r}: it must be a whole number from 0 to ")


@pytest.mark.parametrize("value", ["a/b", "..", "", "two\nlines"])
def test_the_version_that_processes_share_is_a_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPISODIC_RUN_VERSION", value)
    assert "the name of a folder" in str(environment_fault())


def test_what_launchers_set_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_NTASKS", "PL_GLOBAL_SEED"):
        monkeypatch.setenv(name, "1")
    assert environment_fault() is None
    assert missing_package() is None


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.errors.startup.PACKAGES", {"os": "os", "no_such_module": "no-such-package"})
    assert str(missing_package()).startswith("package no-such-package is not installed: `pip install no-such-package`")


def test_a_whole_number_of_batches_stays_one() -> None:
    command = [sys.executable, "cli.py", "fit", "--config", "configs/barcode_bandit.yaml", "--print_config"]
    command += ["--trainer.limit_train_batches", "1", "--trainer.limit_val_batches", "0.5"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "limit_train_batches: 1\n" in done.stdout
    assert "limit_val_batches: 0.5\n" in done.stdout


def test_a_process_ends_before_lightning_reads_the_environment() -> None:
    environment = {**os.environ, "RANK": "abc"}
    command = [sys.executable, "cli.py", "fit"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: environment variable RANK is 'abc'")
    assert done.stderr.count("\n") == 1


def test_a_command_imports_no_library_that_it_may_not_need() -> None:
    code = """
import sys
from launcher.quick_imports import quick_imports
with quick_imports():
    import launcher.main, launcher.stage_cli
print(*{name.split(".")[0] for name in sys.modules}, "scipy.signal" in sys.modules)
import torch, torchmetrics, scipy.signal
boxes = torch.tensor([[0.0, 0, 1, 1]])
overlap = torchmetrics.functional.detection.intersection_over_union(boxes, boxes)
print(float(overlap), scipy.signal.get_window("hann", 1))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    imported, afterwards = done.stdout.splitlines()
    late = {"torchvision", "sklearn", "seaborn", "pandas", "pytorch_metric_learning", "tensorboard", "optuna", "True"}
    assert not late & {*imported.split()}
    assert afterwards == "1.0 [1.]"
