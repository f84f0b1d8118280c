import fcntl
from pathlib import Path

from experiments.pool import WorkerPool
from experiments.record import Record, log_path, write_record
from experiments.selection import job_order
from experiments.worker import Outcome, execute, last_line
from tests.experiments.grids import cells


def test_a_worker_that_dies_fails_its_job_and_no_other(tmp_path: Path) -> None:
    job = job_order(cells(tmp_path))[0]
    with WorkerPool(1, "a") as pool:
        pool.submit(job)
        assert not pool.free
        assert list(pool.running) == [job.run.path]
        pool._workers[0].process.kill()
        ((ended, outcome),) = pool.wait(timeout=30)
        assert ended is job
        assert (outcome.status, outcome.message) == (1, "its process ended with status -9")
        assert list(pool.running) == []
        pool.submit(job)
        process = pool._workers[0].process
        assert process.is_alive()
    assert not process.is_alive()


def test_a_job_that_another_runner_is_at_is_left_to_it(tmp_path: Path) -> None:
    job = job_order(cells(tmp_path))[0]
    path = log_path(job.run)
    path.parent.mkdir(parents=True)
    with path.open("a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        outcome = execute(job, "a")
    assert outcome == Outcome(1, "another runner is at work on it", 0.0, locked=True)
    assert not job.run.in_use()


def test_a_job_that_another_runner_has_done_is_not_done_again(tmp_path: Path) -> None:
    job = job_order(cells(tmp_path))[0]
    job.product.parent.mkdir(parents=True)
    job.product.touch()
    write_record(job, Record(job.identity, "a", started=1.0, seconds=3.0, finished=4.0))
    assert execute(job, "b") == Outcome(0, "", 3.0)
    assert job.product.exists()


def test_the_last_line_of_a_log_says_something(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_bytes(b"first\n  error: \xff it \n \n\n")
    assert last_line(log) == "error: \ufffd it"
    log.write_text("\n")
    assert last_line(log) == ""
