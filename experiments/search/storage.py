"""Where the trials of a search are kept: a database, or a journal's file."""

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import psutil
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from episodic.errors import InputError, require
from experiments.search.file import PRUNERS, Search

DEFINITION, PROCESS = "definition", "process"
BEAT, GRACE = 10, 60  # seconds between two signs of life, and without one until a process counts as dead
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    RETRY = RetryHeartbeatStaleTrialCallback()


def open_study(search: Search, root: Path, storage: str | None = None) -> tuple[optuna.Study, str]:
    """Return the study of a search, new or begun before by any process, and the address of its storage.

    Args:
        search: which; the study has its name.
        root: folder of all searches.
        storage: address of a database, or a journal's file; None: SQLite in the search's folder.

    Raises:
        InputError: the storage cannot be opened, or the study was started with another metric, config, parameter, ...
    """
    folder = (root / search.name).absolute()
    address = f"sqlite:///{folder / 'study.db'}" if storage is None else storage
    address = address if "://" in address else str(Path(address).absolute())
    shown = f"{address.partition('://')[0]}://..." if "://" in address else address  # an address may hold a password
    with one_line(f"storage {shown} cannot be opened"):
        folder.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=open_storage(address),
            study_name=search.name,
            direction=StudyDirection[search.file.direction.upper()],
            pruner=PRUNERS[search.file.pruner](),
            load_if_exists=True,
        )
        begun = study.user_attrs.get(DEFINITION)
        foreign = begun is None and bool(study.get_trials(deepcopy=False))
        if begun is None and not foreign:
            study.set_user_attr(DEFINITION, search.definition)
            if search.file.first:
                study.enqueue_trial(search.file.first, skip_if_exists=True)
    require(not foreign, f"the storage has a study {search.name} that is not a search's: rename the search's file")
    for key, now in search.definition.items():
        before = now if begun is None else begun.get(key)
        require(
            before == now,
            f"search {search.name} was started with {key} {before}, now {now}: its trials would not be comparable; "
            "undo the change, or rename the file for a new search",
        )
    return study, address


def open_storage(address: str) -> BaseStorage:
    """Return the storage at an address, with heartbeats if it is a database."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    warnings.filterwarnings("ignore", message="Heartbeat of storage")  # signs of life are given without `optimize`
    if "://" not in address:
        drop_unfinished_line(Path(address))
        # The other kind of lock is a link, which is broken if the journal has another path on another machine.
        return JournalStorage(JournalFileBackend(address, lock_obj=JournalFileOpenLock(address)))
    settings = {"connect_args": {"timeout": 60}} if address.startswith("sqlite") else {"pool_pre_ping": True}
    return RDBStorage(
        address,
        engine_kwargs=settings,
        heartbeat_interval=BEAT,
        grace_period=GRACE,
        heartbeat_stale_trial_callback=RETRY,
    )


def drop_unfinished_line(journal: Path) -> None:
    """Cut off the end of a journal's last line that a process left unfinished when it was killed."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    if not journal.is_file():
        return
    lock = JournalFileOpenLock(str(journal))
    lock.acquire()
    try:
        with journal.open("r+b") as file:
            content = file.read()
            if content and not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


def process_name() -> str:
    """Return the name of this process, for others to see whether it lives."""
    return f"{socket.gethostname()}:{os.getpid()}"


def give_back(study: optuna.Study, trial_id: int, trial: FrozenTrial) -> None:
    """End an abandoned trial, and replace it by one with the same values."""
    try:
        if study._storage.set_trial_state_values(trial_id, state=TrialState.FAIL):
            RETRY(study, trial)
    except UpdateFinishedTrialError:  # another process has ended it
        pass


def take_up_dead(study: optuna.Study) -> None:
    """Put the trials of processes that have died back into the queue."""
    fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, process = str(trial.user_attrs.get(PROCESS, "")).rpartition(":")
        if host == socket.gethostname() and not psutil.pid_exists(int(process)):
            give_back(study, trial._trial_id, trial)


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn any failure inside into one line.

    Raises:
        InputError: it did.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # drivers of databases have no common base for theirs
        text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{what}: {text}") from error
