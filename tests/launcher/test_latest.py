from pathlib import Path

import pytest
from jsonargparse import Namespace

from episodic.errors import InputError
from launcher.runs.latest import names_latest, resolve_all, resolve_latest
from tests.launcher.fake_runs import leave_run


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("runs/a/latest/checkpoints/best.ckpt", True),
        ("a/latest/harvest.npz", True),
        ("/runs/a/latest/harvest.npz", True),
        ("latest", False),
        ("latest/harvest.npz", False),
        ("runs/latest/version_0/harvest.npz", False),
        ("data/latest/images.zip", False),
        (None, False),
        (3, False),
    ],
)
def test_what_names_the_latest_run(value: object, expected: bool) -> None:
    assert names_latest(value) == expected


def test_the_newest_finished_run_takes_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_run(tmp_path, "a", "version_0", age=2)
    run = leave_run(tmp_path, "a", "version_1", age=1)
    broken_off = leave_run(tmp_path, "a", "version_2", epochs=1)
    path = f"{tmp_path}/a/latest/checkpoints/best.ckpt"
    assert resolve_latest(path, "model.fine_tune") == str(run.best)
    expected = f"model.fine_tune: {run.best}, of the newest finished run (version_2 has 1 of 2 epochs)\n"
    assert capsys.readouterr().out == expected
    assert resolve_latest(path, "ckpt_path", finished=False) == str(broken_off.best)


def test_other_paths_stay_as_they_are(tmp_path: Path) -> None:
    leave_run(tmp_path, "a", "version_0")
    called_so = leave_run(tmp_path, "a", "latest")
    for path in ("omniglot_encoder", str(called_so.best), "runs/a/version_0/harvest.npz"):
        assert resolve_latest(path, "x") == path


def test_no_finished_run_is_one_line_with_the_command(tmp_path: Path) -> None:
    path = f"{tmp_path}/barcode_bandit_harvest/latest/harvest.npz"
    command = "`python cli.py fit --config configs/barcode_bandit_harvest.yaml` trains one"
    with pytest.raises(InputError, match=f"data.harvest is .*: no run in .*_harvest is finished; {command}"):
        resolve_latest(path, "data.harvest")
    leave_run(tmp_path, "barcode_bandit_harvest", "version_0", epochs=1)
    with pytest.raises(InputError, match=r"is finished \(version_0 has 1 of 2 epochs\); "):
        resolve_latest(path, "data.harvest")
    with pytest.raises(InputError, match=r"`python cli\.py fit --run\.name mine` with its config trains one"):
        resolve_latest("runs/mine/latest/harvest.npz", "data.harvest")


def test_a_run_without_the_file_is_one_line(tmp_path: Path) -> None:
    run = leave_run(tmp_path, "a", "version_0")
    command = f"`python cli.py predict --ckpt_path {run.best}` writes it"
    with pytest.raises(InputError, match=f"has no harvest.npz; {command}"):
        resolve_latest(f"{tmp_path}/a/latest/harvest.npz", "data.harvest")


def test_every_option_of_a_section_is_resolved(tmp_path: Path) -> None:
    run = leave_run(tmp_path, "a", "version_0")
    latest = f"{tmp_path}/a/latest/checkpoints/best.ckpt"
    gone = f"{tmp_path}/gone/latest/checkpoints/best.ckpt"
    start = Namespace(class_path="WarmStart", init_args=Namespace(agent=latest, keys=gone, freeze=True))
    plain = {"update": "latest", "files": [latest]}
    settings = Namespace(
        run=Namespace(root="mine"), model=Namespace(init_args=Namespace(warm_start=start, plain=plain))
    )
    with pytest.raises(InputError, match=r"model\.warm_start\.keys is .*gone.*--run\.root mine does not move"):
        resolve_all(settings, "model", required=True)
    resolve_all(settings, "model", required=False)
    assert start.init_args.as_dict() == {"agent": str(run.best), "keys": gone, "freeze": True}
    assert plain == {"update": "latest", "files": [str(run.best)]}
