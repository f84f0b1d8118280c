import pytest

from episodic.errors import InputError
from launcher.runs.ranks import VERSION_VARIABLE, chosen_version, rank

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_JOB_NAME", VERSION_VARIABLE)
TOLD = {VERSION_VARIABLE: "version_7"}


@pytest.mark.parametrize(
    ("environment", "number", "version"),
    [
        ({}, 0, None),
        ({**TOLD}, 0, None),  # left by a training before, in the same process
        ({"LOCAL_RANK": "0", "WORLD_SIZE": "2", **TOLD}, 0, None),
        ({"LOCAL_RANK": "1", **TOLD}, 1, "version_7"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, 0, None),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "bash"}, 0, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, 0, None),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2", **TOLD}, 1, "version_7"),
    ],
)
def test_the_first_process_chooses_the_version(
    environment: dict[str, str], number: int, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(environment, monkeypatch)
    assert rank() == number
    assert chosen_version() == version


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"RANK": "0", "WORLD_SIZE": "2"}, "process 0 .* give --run.version"),
        ({"RANK": "1", "WORLD_SIZE": "2"}, "process 1 .* give --run.version"),
        ({"LOCAL_RANK": "1"}, "process 1 .* give --run.version"),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, "process 0 .* give --run.version"),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, "process 1 .* give --run.version"),
        ({"RANK": "first"}, "RANK is 'first': it must be a number"),
    ],
)
def test_processes_that_were_started_apart_need_a_version(
    environment: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(environment, monkeypatch)
    with pytest.raises(InputError, match=complaint):
        chosen_version()


def _set(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
