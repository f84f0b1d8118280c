"""One job on a worker: takes up what an interruption left, runs the command, and records that it is done."""

import fcntl
import logging
import os
import shlex
import shutil
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, TextIO

import torch

from episodic.errors import InputError, require
from episodic.native import arithmetic
from experiments.engine.isolation import isolated, last_line, output_to
from experiments.engine.job import Job, Record, is_done, is_stale, joined, new_record, read_record, write_record
from experiments.engine.parameters import learned_parameters
from experiments.engine.revision import source_revision
from experiments.planning.yaml_files import read_yaml

#: The project's command line: arguments -> exit status.
Command = Callable[[list[str]], int]
#: Sections of a whole `config.yaml`; the last one is written last.
SECTIONS = ("trainer", "model", "data", "run", "ckpt_path")


class Outcome(NamedTuple):
    """How a job ended well: the seconds that it took, and what else the user should know."""

    seconds: float
    notes: tuple[str, ...] = ()


class JobFailed(Exception):
    """A job failed; its arguments are the job's key and the reason, in one line."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key, self.reason = key, reason


class Stopped(Exception):
    """A training was stopped on purpose before its end; it can go on from its last checkpoint."""


def work(job: Job, needs: Sequence[object] = (), folder: str = ".", command: Command | None = None) -> Outcome:
    """Do a job with all its output in its log, unless it is done; the task of a Dask worker.

    Args:
        job: the job.
        needs: outcomes of the jobs that it needs, which Dask waits for.
        folder: working directory; relative paths are seen from there.
        command: in place of `cli.main`.

    Raises:
        JobFailed: it failed, or what it needs is not there.
    """
    try:
        _prepare_worker()
        require(Path(folder).is_dir(), f"folder {folder} does not exist here: a worker needs the client's file system")
        os.chdir(folder)
        with _held(job) as log:
            return _logged(job, log, command)
    except InputError as error:
        raise JobFailed(job.key, str(error)) from None


def _prepare_worker() -> None:
    from distributed import get_worker

    try:
        threads = get_worker().state.nthreads
    except ValueError:  # not on a worker
        return
    require(threads == 1, f"a worker has {threads} threads: start it with --nthreads 1")
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)  # the client tells of a failure in one line


@contextmanager
def _held(job: Job) -> Iterator[TextIO]:
    """Open a job's log, and wait until no other process has it: two clusters may have the same job."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        yield log


def _logged(job: Job, log: TextIO, command: Command | None) -> Outcome:
    if is_done(job):
        return Outcome(0.0)
    try:
        with output_to(log):
            command = command or command_line()
            with isolated():
                torch.set_num_threads(1)  # workers are the parallelism; `run.threads` of a config may say otherwise
                return carry_out(job, command, _revision())
    except (InputError, Stopped):
        raise
    except Exception as error:
        traceback.print_exc(file=log)
        last = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        raise JobFailed(job.key, last) from None


@cache
def command_line() -> Command:
    """Return the project's command line with all that it imports, so that the first job is like the next."""
    from cli import main
    from launcher.quick_imports import quick_imports

    with quick_imports():
        import launcher.main
        import launcher.stage_cli  # noqa: F401
    return main


@cache
def _revision() -> str:
    """Return the revision when this process began: the one that it has imported."""
    return source_revision()


def carry_out(job: Job, command: Command, revision: str) -> Outcome:
    """Run a job's command.

    Raises:
        InputError: the command failed or left no result, or something else lies in the job's folder.
    """
    notes = [note for need in job.needs for note in _mend(need, command, revision)]
    record, arguments, note = _begin(job, revision)
    notes += note
    if job.kind == "train":  # which may be interrupted and go on
        write_record(job, record)
    print("\n".join([*notes, f"$ {shlex.join(['cli.py', *arguments])}"]), flush=True)
    begun = time.monotonic()
    if status := command(list(arguments)):
        sys.stderr.flush()
        raise InputError((job.log.is_file() and last_line(job.log)) or f"exit status {status}")
    require(job.missing is None, f"the command succeeded but did not write {job.missing}")
    seconds = record.seconds + time.monotonic() - begun
    ended = replace(record, seconds=seconds, finished=time.time(), size=job.product.stat().st_size)
    learned = learned_parameters(job.run.last) if job.kind == "train" else 0
    write_record(job, replace(ended, parameters=learned, arithmetic=arithmetic()))
    return Outcome(seconds, tuple(notes))


def _mend(need: Job, command: Command, revision: str) -> list[str]:
    """Repeat a job whose file is damaged or missing, and report it."""
    if need.product.is_file() and not damage(need.product):
        return []
    with _held(need):
        reason = damage(need.product) if need.product.is_file() else f"{need.product} is gone"
        if not reason:
            return []  # another process has mended it
        need.record_path.unlink(missing_ok=True)
        shutil.rmtree(need.run.path, ignore_errors=True)
        return [f"{need.title}: {reason}: it is run again", *carry_out(need, command, revision).notes]


def _begin(job: Job, revision: str) -> tuple[Record, tuple[str, ...], list[str]]:
    """Return the record and the command line that a job starts with, and a note."""
    found = read_record(job)
    ours = found is not None or job.kind != "train" or not job.run.in_use()
    require(ours, f"run folder {job.run.path} does not belong to this job: move or delete it")
    record = new_record(job, revision, started=time.time())
    notes = []
    if found is not None and _was_interrupted(job, found):
        reason = damage(job.run.last) or _config_damage(job.run.config)
        if not reason:
            seconds = found.seconds + max(0.0, job.run.last.stat().st_mtime - found.started)
            record = replace(record, revision=joined(found.revision, revision), seconds=seconds)
            return record, ("fit", "--ckpt_path", str(job.run.last)), []
        notes = [f"{job.title}: {reason}: it is repeated"]
    shutil.rmtree(job.run.path, ignore_errors=True)  # stopped before its first checkpoint, or to be repeated
    return record, job.arguments, notes


def _was_interrupted(job: Job, found: Record) -> bool:
    """Return whether a training has a checkpoint to go on from, and what it builds on is still the same."""
    return job.kind == "train" and found.finished is None and job.run.last.is_file() and not is_stale(job, found)


def damage(product: Path) -> str:
    """Return what is wrong with a checkpoint or a harvest; empty if nothing is."""
    if product.suffix == ".json":
        return ""
    if not zipfile.is_zipfile(product):  # both are archives, whose table of contents stands at the end
        return f"{product} is damaged"
    if product.suffix == ".ckpt":
        from episodic.checkpoints import read_checkpoint

        try:
            read_checkpoint(product)
        except InputError:
            return f"{product} is damaged"
    return ""


def _config_damage(path: Path) -> str:
    """Return what is wrong with a run's config; empty if nothing is."""
    try:
        whole = set(SECTIONS) <= set(read_yaml(path))
    except (InputError, TypeError):
        whole = False
    return "" if whole else f"{path} is not whole"
