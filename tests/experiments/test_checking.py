"""Options of jobs are checked before any job is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from distributed import Client

from episodic.errors import InputError
from experiments.engine.checking import check_options_of
from experiments.engine.job import Job, to_do
from experiments.planning.grid_reader import read_grid
from experiments.planning.plan import grid_cells
from tests.tiny import PROJECT


class SameProcess:
    """A client that does its tasks at once."""

    def map(self, function: Callable[[Any], Any], values: list[Any], pure: bool) -> list[Any]:
        """Return the results."""
        return [function(value) for value in values]

    def gather(self, results: list[Any]) -> list[Any]:
        """Return the results."""
        return results


def jobs_of(tmp_path: Path, changes: dict[str, str]) -> list[Job]:
    """Return the jobs of a grid with an agent, a harvest and an encoder; pieces of its text are changed."""
    text = f"""
config: {PROJECT}/configs/barcode_bandit_encoder.yaml
seeds: [1]
metrics: [test/reward]
stages:
  agent: {{config: {PROJECT}/configs/barcode_bandit_harvest.yaml}}
  harvest: {{of: agent, options: {{data.predict_blocks: 1}}}}
  encoder: {{config: {PROJECT}/configs/hidden_state_encoder.yaml, options: {{data.harvest: "@harvest"}}}}
axes:
  keys:
    cue: {{stage: agent}}
    encoded: {{options: {{model.warm_start.agent: "@agent", model.warm_start.keys: "@encoder"}}}}
  recall: {{some: {{test: {{model.memory.threshold: 0.5}}}}}}
"""
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "grid.yaml"
    path.write_text(text, encoding="utf-8")
    return to_do([cell.test for cell in grid_cells(read_grid(path), tmp_path / "runs")])


def test_jobs_that_differ_in_numbers_are_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def note(options: object) -> str:
        read.append(options)
        return ""

    monkeypatch.setattr("experiments.engine.checking.complaint", note)
    further = "0.5}}, other: {test: {model.memory.threshold: -0.25}}, whole: {test: {model.memory.threshold: 1}}"
    jobs = jobs_of(tmp_path, {"0.5}}": further})
    check_options_of(cast(Client, SameProcess()), jobs)
    assert len([job for job in jobs if job.kind == "test"]) == 6
    assert len(read) == 2 + 4  # a harvest, an encoder, and tests of two agents with a float and an int


def test_options_that_fit_are_taken(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, {})
    assert [job.kind for job in jobs] == ["train", "test", "predict", "train", "train", "test"]
    check_options_of(cast(Client, SameProcess()), jobs)


@pytest.mark.parametrize(
    ("change", "job", "complaint"),
    [
        (("data.predict_blocks: 1", "data.predict_block: 1"), "harvest harvest", "predict_block"),
        (('data.harvest: "@harvest"', 'data.harvest: "@harvest", data.pull: 1'), "train encoder", "pull"),
        (("model.memory.threshold: 0.5", "model.memory.threshold: much"), "test cue, some", "much"),
        (("model.warm_start.keys", "model.warm_start.key"), "test encoded, some", "warm_start"),
    ],
)
def test_options_that_do_not_fit_are_refused(change: tuple[str, str], job: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^{job} .*seed 1: .*{complaint}"):
        check_options_of(cast(Client, SameProcess()), jobs_of(tmp_path, dict([change])))
