"""Conditions that build on each other, taken up again: with a command that leaves what each kind of job leaves."""

import os
from pathlib import Path

import pytest

from experiments.attempt import carry_out
from experiments.job import Job
from experiments.record import is_done, read_record, record_path
from experiments.results import collect
from tests.experiments.chains import chain_cells, chain_jobs


class BrokenOff(Exception):
    """Stands for whatever ends a training early."""


def done(job: Job, revision: str = "a", broken_off: bool = False) -> list[str]:
    """Do a job; returns the arguments that its command was given."""
    given: list[str] = []

    def command(arguments: list[str]) -> int:
        given.extend(arguments)
        job.product.parent.mkdir(parents=True, exist_ok=True)
        if broken_off:
            job.run.last.touch()
            raise BrokenOff
        job.product.write_text('{"test/reward": 1.0}')
        return 0

    if broken_off:
        with pytest.raises(BrokenOff):
            carry_out(job, revision, command)
    else:
        assert carry_out(job, revision, command) == 0
    return given


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    """The jobs of the chain, all done but those of the plain agent."""
    jobs = {title: job for title, job in chain_jobs(tmp_path).items() if "plain" not in title}
    for job in jobs.values():
        assert not is_done(job)
        done(job)
        assert is_done(job)
    return jobs


def undone(jobs: dict[str, Job]) -> list[str]:
    return [title for title, job in jobs.items() if not is_done(job)]


def rows(root: Path) -> list[tuple[str, str]]:
    return [(row.condition, row.evaluation) for row in collect(chain_cells(root))]


ROWS = [("agent", "0 %"), ("encoder", "own"), ("encoder", "other"), ("keys", "0 %")]


def test_all_that_builds_on_a_lost_harvest_is_done_again(jobs: dict[str, Job], tmp_path: Path) -> None:
    assert rows(tmp_path) == ROWS
    jobs["predict agent"].product.unlink()
    built = ["predict agent", *list(jobs)[3:5], *list(jobs)[6:]]
    assert undone(jobs) == built
    assert rows(tmp_path) == ROWS  # they are still right
    done(jobs["predict agent"])
    assert undone(jobs) == built[1:]
    assert rows(tmp_path) == ROWS[:1]
    for title in built[1:]:
        assert done(jobs[title]) == list(jobs[title].arguments)
    assert undone(jobs) == []
    assert rows(tmp_path) == ROWS


def test_a_harvest_elsewhere_concerns_its_test_alone(jobs: dict[str, Job], tmp_path: Path) -> None:
    done(jobs["predict elsewhere"])
    assert undone(jobs) == ["test encoder / other"]
    assert rows(tmp_path) == [ROWS[0], ROWS[1], ROWS[3]]


def test_a_training_goes_on_only_with_what_it_began_with(jobs: dict[str, Job]) -> None:
    encoder, harvest = jobs["train encoder"], jobs["predict agent"]
    encoder.product.unlink()
    done(encoder, broken_off=True)
    assert done(encoder, broken_off=True) == ["fit", "--ckpt_path", str(encoder.run.last)]
    os.unlink(harvest.product)
    done(harvest)
    assert done(encoder, broken_off=True) == list(encoder.arguments)
    assert done(encoder) == ["fit", "--ckpt_path", str(encoder.run.last)]
    assert is_done(encoder)


def test_a_row_names_the_revisions_of_the_whole_chain(jobs: dict[str, Job], tmp_path: Path) -> None:
    for title, revision in (("train agent", "b"), ("predict agent", "c"), ("train encoder", "d"), ("train keys", "e")):
        done(jobs[title], revision)
    done(jobs["test keys / 0 %"], "f")
    (row,) = [row for row in collect(chain_cells(tmp_path)) if row.condition == "keys"]
    assert row.revision == "b/c/d/e/f"
    record = read_record(jobs["train encoder"])
    assert record is not None
    assert list(record.referred) == [f"agent/{jobs['predict agent'].run.version}"]


def test_records_from_before_references_are_read(jobs: dict[str, Job]) -> None:
    test = jobs["test agent / 0 %"]
    path = record_path(test.run)
    before = path.read_text()
    path.write_text(before.replace(',\n  "referred": {}', ""))
    assert path.read_text() != before
    assert is_done(test)
