"""Searches for good hyperparameters: `python -m experiments.search SEARCH.yaml [--workers 2] [--trials N]`.

Interrupted, the same command goes on where it was; begun on several machines, they share the trials.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from optuna.exceptions import StorageInternalError

from episodic.errors import InputError, require
from experiments.command import OneLineParser, resumable, terminable
from experiments.search_file import Search, read_search
from experiments.search_runner import SearchRunner
from experiments.search_storage import open_study
from experiments.search_study import SharedStudy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a search; returns the exit status: 0, 1 where a trial failed, 2 for bad input, 130 after Ctrl-C."""
    return resumable(lambda: _search(_parser().parse_args(arguments)))


def _search(options: argparse.Namespace) -> int:
    search = read_search(options.search, options.trials)
    try:
        return run_search(search, Path(options.root), options.workers, options.storage)
    except StorageInternalError as error:
        told = "the storage does not answer, the same command goes on from here"
        raise InputError(f"{told}: {error}") from error


def run_search(search: Search, root: Path, workers: int = 2, storage: str | None = None) -> int:
    """Do what is left of a search, with one progress display; returns the exit status: 0, or 1 where a trial failed.

    Args:
        search: what is searched.
        root: folder of all searches; the runs lie in `<root>/<name>/trial_N/`.
        workers: processes; 0 only writes what there is anew.
        storage: where the trials are kept, see `open_study`.

    Raises:
        InputError: one of these is wrong, in one line.
    """
    require(workers >= 0, f"--workers is {workers}: it must be 0 or more")
    require(root.is_dir() or not root.exists(), f"--root is {root}: it must be a folder")
    study = SharedStudy(open_study(search, root, storage), search.parameters, search.trials)
    with terminable():
        return SearchRunner(search, study, root).run(workers)


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.search", description="Search for good hyperparameters.")
    parser.add_argument("search", type=Path, help="YAML file of the search")
    parser.add_argument("--root", default="runs/searches", help="folder of all searches (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2); 0 only writes the results anew")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="trials, over all processes (default: as the file says)"
    )
    parser.add_argument(
        "--storage",
        metavar="URL_OR_FILE",
        help="where the trials are kept: a database's address, such as postgresql://host/name or sqlite:///some.db, or "
        "a journal's file on a shared file system (default: journal.log in the search's folder)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
