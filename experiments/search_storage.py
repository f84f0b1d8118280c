"""Where the trials of a search are kept, so that several processes, on several machines, can share them."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from sqlalchemy.exc import DBAPIError

from episodic.errors import InputError, require
from experiments.search_file import Search

DEFINITION = "definition"
PATIENCE = 60  # seconds that SQLite waits for another process
PAUSE = 2.0  # seconds between two attempts at opening a database


def open_study(search: Search, root: Path, storage: str | None = None) -> optuna.Study:
    """The study of a search: a new one, or the one that was begun by an earlier or another process.

    Args:
        search: which; the study has its name.
        root: folder of all searches.
        storage: address of a database, or a journal's file; None: `<root>/<name>/journal.log`.

    Raises:
        InputError: the storage cannot be opened; the study was begun with another metric, config, parameter, ...
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    place = storage if storage is not None else str(root / search.name / "journal.log")
    with one_line(f"storage {_shown(place)} cannot be opened"):
        opened = _storage(place)
        direction = StudyDirection[search.direction.upper()]
        study = optuna.create_study(storage=opened, study_name=search.name, direction=direction, load_if_exists=True)
        trials = study.get_trials(deepcopy=False)  # first: who begins a study now defines it before its first trial
        begun = study.user_attrs.get(DEFINITION)
        foreign = begun is None and bool(trials)
        if begun is None and not foreign:
            study.set_user_attr(DEFINITION, search.definition)
    require(not foreign, f"the storage has a study {search.name} that is no search of these: rename the search's file")
    if begun is not None:
        _check(search, begun)
    return study


def _check(search: Search, begun: dict[str, Any]) -> None:
    """Compare a search with what it was begun as."""
    for key, now in search.definition.items():
        before = begun.get(key)
        if isinstance(before, dict):  # by name: only those that differ
            names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
            before, now = ({name: said.get(name) for name in names} for said in (before, now))
        require(
            before == now,
            f"search {search.name} was begun with other {key}: {before}, now {now}; its trials would not compare: "
            "undo the change, or rename the file for a new search",
        )


def _storage(said: str) -> BaseStorage:
    if "://" not in said:
        path = Path(said).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        # The other kind of lock is a link to the journal, which dangles where it has another path on another machine.
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    settings = {"connect_args": {"timeout": PATIENCE}} if said.startswith("sqlite") else {}
    try:
        return RDBStorage(said, engine_kwargs=settings)
    except DBAPIError:  # another process may be making the same tables just now
        time.sleep(PAUSE)
        return RDBStorage(said, engine_kwargs=settings)


def _shown(storage: str) -> str:
    """A storage as it may be printed: of an address, which may hold a password, the kind of database alone."""
    return f"{storage.partition('://')[0]}://..." if "://" in storage else storage


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn what goes wrong inside into one line.

    Raises:
        InputError: it did.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # drivers of databases have no common base for theirs
        told = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{what}: {told}") from error
