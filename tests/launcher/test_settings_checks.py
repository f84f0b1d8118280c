"""Settings that no stage can do anything with."""

from typing import Any

import pytest
from jsonargparse import Namespace

from episodic.errors import InputError
from launcher.errors.settings_checks import check_settings


def settings(**changed: Any) -> Namespace:
    """Settings of a command that are fine but for those that are changed."""
    fine = Namespace(
        seed_everything=1,
        model=Namespace(class_path="X", init_args=Namespace(threshold=0.5, betas=(0.9, 0.99))),
        data=Namespace(class_path="Y", init_args=Namespace()),
        trainer=Namespace(accelerator="auto"),
        checkpoint=Namespace(monitor=None),
        run=Namespace(root="runs", name=None, version=None, threads=None),
    )
    for name, value in changed.items():
        fine[name.replace("__", ".")] = value
    return fine


def test_good_settings_pass() -> None:
    check_settings(settings())


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"model__init_args__threshold": float("nan")}, "^model.threshold is nan: it must be a finite number$"),
        ({"model__init_args__betas": (0.9, float("inf"))}, "^model.betas is inf: it must be a finite number$"),
        ({"data": None}, "no data: --config must name one"),
        ({"trainer": None}, "trainer is null"),
        ({"seed_everything": -1}, "seed_everything is -1: it must be 0 or more"),
        ({"seed_everything": 2**32}, "seed_everything is 4294967296: it must be at most 4294967295"),
        ({"trainer__check_val_every_n_epoch": 0}, "trainer.check_val_every_n_epoch is 0: it must be 1 or more"),
        ({"run__threads": 0}, "run.threads is 0: it must lie between 1 and 1024"),
        ({"run__threads": 10**12}, "run.threads is 1000000000000"),
        ({"run__name": "\x1b[31m"}, "run.name is .*: it must be printable"),
        ({"run__version": "x" * 300}, "run.version is .*200 bytes at most"),
        ({"run__root": "\udcff"}, "run.root is .*: it must be printable"),
    ],
)
def test_what_no_stage_can_do_is_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        check_settings(settings(**changed))


@pytest.mark.parametrize("name", ["gpu", "cuda", "mps", "tpu"])
def test_an_accelerator_that_is_not_there_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.errors.settings_checks.ACCELERATORS", {name: lambda: False})
    with pytest.raises(InputError, match=f"trainer.accelerator is '{name}': this computer has none"):
        check_settings(settings(trainer__accelerator=name))
