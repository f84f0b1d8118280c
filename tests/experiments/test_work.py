"""One job: when it is done, what it takes up, and what it mends."""

import os
import shutil
from pathlib import Path

import pytest

from experiments.engine.job import Job, is_done, read_record, to_do, write_record
from experiments.engine.work import JobFailed, work
from tests.experiments.fakes import broken_off, cells_of, chain_of, fake, jobs_of, started


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    """The jobs of one condition of a chain, by kind and place: agent, harvest, encoder, keys, test."""
    cell = cells_of(chain_of(tmp_path), tmp_path / "runs")["encoded, noise 20 % / test"]
    agent, harvest, encoder, keys, test = jobs_of(cell.test).values()
    return {"agent": agent, "harvest": harvest, "encoder": encoder, "keys": keys, "test": test}


def do(*jobs: Job) -> None:
    for job in jobs:
        work(job, command=fake)


def test_each_job_is_done_once_and_after_what_it_needs(jobs: dict[str, Job]) -> None:
    assert to_do([jobs["test"]]) == list(jobs.values())
    do(*jobs.values(), *jobs.values())
    assert len(started(jobs["test"].run.root)) == len(jobs)
    assert to_do([jobs["test"]]) == []


def test_a_command_that_fails_is_told_and_not_done(jobs: dict[str, Job]) -> None:
    with pytest.raises(JobFailed, match=r"cli.py fit|exit status 130") as failure:
        work(jobs["agent"], command=broken_off())
    assert failure.value.key == jobs["agent"].key
    assert not is_done(jobs["agent"])


def test_a_crash_names_the_error_and_leaves_the_traceback_in_the_log(jobs: dict[str, Job]) -> None:
    def crash(_: list[str]) -> int:
        raise RuntimeError("no such luck")

    with pytest.raises(JobFailed, match="RuntimeError: no such luck"):
        work(jobs["agent"], command=crash)
    assert "Traceback" in jobs["agent"].log.read_text()


def test_an_interrupted_training_is_resumed(jobs: dict[str, Job]) -> None:
    with pytest.raises(JobFailed):
        work(jobs["agent"], command=broken_off())
    seen: list[list[str]] = []

    def watched(arguments: list[str]) -> int:
        seen.append(arguments)
        return fake(arguments)

    work(jobs["agent"], command=watched)
    assert seen == [["fit", "--ckpt_path", str(jobs["agent"].run.last)]]
    assert is_done(jobs["agent"])


@pytest.mark.parametrize("damaged", ["last checkpoint", "config"])
def test_a_damaged_run_is_trained_anew_and_says_so(damaged: str, jobs: dict[str, Job]) -> None:
    agent = jobs["agent"]
    with pytest.raises(JobFailed):
        work(agent, command=broken_off())
    path = agent.run.last if damaged == "last checkpoint" else agent.run.config
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (note,) = work(agent, command=fake).notes
    assert "it is repeated" in note
    assert path.name in note
    assert is_done(agent)


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_needed_file_that_is_lost_is_made_again(how: str, jobs: dict[str, Job]) -> None:
    do(*list(jobs.values())[:-1])
    best = jobs["keys"].run.best
    best.unlink() if how == "gone" else best.write_bytes(best.read_bytes()[:100])
    outcome = work(jobs["test"], command=fake)
    assert "it is run again" in outcome.notes[0]
    assert is_done(jobs["keys"])
    assert is_done(jobs["test"])


def test_what_is_done_needs_no_files_of_earlier_stages(jobs: dict[str, Job]) -> None:
    do(*jobs.values())
    shutil.rmtree(jobs["harvest"].run.path)
    assert to_do([jobs["test"]]) == []


def test_a_stage_that_was_done_anew_makes_stale_what_builds_on_it(jobs: dict[str, Job]) -> None:
    do(*jobs.values())
    record = read_record(jobs["agent"])
    assert record is not None
    write_record(jobs["agent"], type(record)(**{**vars(record), "finished": 1e12}))
    assert to_do([jobs["test"]]) == [jobs[name] for name in ("harvest", "encoder", "keys", "test")]


def test_a_folder_of_something_else_is_left_alone(jobs: dict[str, Job]) -> None:
    folder = jobs["agent"].run.path
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(JobFailed, match="does not belong to this job"):
        work(jobs["agent"], command=fake)
    assert (folder / "mine.txt").read_text() == "keep"


def test_a_command_that_leaves_nothing_fails(jobs: dict[str, Job]) -> None:
    with pytest.raises(JobFailed, match=r"succeeded but did not write .*best\.ckpt"):
        work(jobs["agent"], command=lambda arguments: 0)


def test_a_job_does_not_change_its_process(jobs: dict[str, Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def vandal(arguments: list[str]) -> int:
        import logging
        import random
        import warnings

        import torch

        os.environ["LEFT_BEHIND"] = "1"
        del os.environ["THERE_BEFORE"]
        torch.manual_seed(0)
        random.seed(0)
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        warnings.simplefilter("error")
        logging.getLogger("pytorch_lightning").setLevel(logging.CRITICAL)
        logging.getLogger().addHandler(logging.NullHandler())
        os.chdir("/")
        return fake(arguments)

    import logging
    import random
    import warnings

    import torch

    monkeypatch.setenv("THERE_BEFORE", "1")
    before = (
        dict(os.environ),
        torch.get_rng_state().tolist(),
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        list(warnings.filters),
        logging.getLogger("pytorch_lightning").level,
        list(logging.getLogger().handlers),
        os.getcwd(),
    )
    work(jobs["agent"], command=vandal)
    after = (
        dict(os.environ),
        torch.get_rng_state().tolist(),
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        list(warnings.filters),
        logging.getLogger("pytorch_lightning").level,
        list(logging.getLogger().handlers),
        os.getcwd(),
    )
    assert after == before


def test_dask_draws_from_a_generator_of_its_own(jobs: dict[str, Job]) -> None:
    import random

    import distributed.comm.core
    import distributed.utils_comm

    do(jobs["agent"])
    before = random.getstate()
    for module in (distributed.comm.core, distributed.utils_comm):
        module.random.random()
    assert random.getstate() == before
