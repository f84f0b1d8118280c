"""Searches for good hyperparameters: `python -m experiments.search experiments/searches/NAME.yaml`.

After an interruption the same command continues. Several machines that run it share the trials.
"""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from distributed import Client, Future, wait
from optuna.samplers import TPESampler
from optuna.storages._heartbeat import is_heartbeat_enabled
from optuna.trial import Trial, TrialState

from episodic.errors import InputError
from experiments.commands import OneLineParser, require_folder, resumable
from experiments.engine.cluster import ClusterOptions, add_cluster_options, cluster_options, connected
from experiments.engine.display import Display, duration
from experiments.engine.job import Job, identity_of
from experiments.engine.scheduling import LOST, reason_of
from experiments.planning.grid import Condition, Grid
from experiments.planning.grid_file import GridFile, Training
from experiments.planning.options import merged
from experiments.planning.plan import Planner
from experiments.planning.yaml_files import Scalar
from experiments.search.file import Search
from experiments.search.grid_search import read_searches
from experiments.search.results import MESSAGE, SECONDS, VALUES, counted, is_settled, ranked, sum_up, write_together
from experiments.search.storage import BEAT, PROCESS, give_back, open_study, process_name, take_up_dead
from experiments.tables.formatting import format_value

if TYPE_CHECKING:  # it imports the command line, which takes seconds
    from experiments.search.trial import Ended

ROOT = Path("runs/searches")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a search; returns the exit status: 0, 1 if a trial failed, 2 for invalid input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    require_folder(root=options.root)
    cluster = cluster_options(options)
    searches = read_searches(options.search, options.trials, options.only)
    statuses = [run_search(search, options.root, cluster, options.storage) for search in searches]
    if len(searches) > 1:
        print(f"all trials: {write_together(searches, options.root, options.search.stem)}")
    return max(statuses)


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.search", description="Search for good hyperparameters.")
    parser.add_argument("search", type=Path, help="YAML file of the search")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of all searches (default %(default)s)")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="number of trials over all processes (default: from the file)"
    )
    parser.add_argument(
        "--only", default="", metavar="SUBSTRING", help="of a grid's conditions, those whose name contains this text"
    )
    parser.add_argument(
        "--storage",
        metavar="URL_OR_FILE",
        help="a database, such as postgresql://host/name, or a journal's file (default: SQLite in the search's folder)",
    )
    add_cluster_options(parser)
    return parser


def run_search(search: Search, root: Path, options: ClusterOptions, storage: str | None = None) -> int:
    """Do what is left of a search; returns the exit status: 0, or 1 if a trial failed.

    Args:
        search: which.
        root: folder of all searches; without workers only the results are written.
        options: where trainings run.
        storage: address of the trials, see `open_study`.
    """
    study, address = open_study(search, root, storage)
    if options.can_work:
        take_up_dead(study)
        if not is_settled(study, search.trials):
            with connected(options) as client:
                SearchLoop(search, study, address, root, client).run()
    return sum_up(search, study, root / search.name)


class SearchLoop:
    """One process of a search: hands out trials to a cluster, and notes what they were worth."""

    def __init__(self, search: Search, study: optuna.Study, address: str, root: Path, client: Client) -> None:
        self.search, self.study, self.address, self.root, self.client = search, study, address, root, client
        self.distributions = {name: parameter.distribution() for name, parameter in search.file.parameters.items()}
        self.active: dict[Future[Any], Trial] = {}
        self.beaten = time.monotonic()

    def run(self) -> None:
        """Do trials until none is left anywhere."""
        before = sum(trial.state.is_finished() for trial in counted(self.study))
        try:
            with Display(self.search.trials - before) as display:
                while not is_settled(self.study, self.search.trials):
                    while len(self.active) < max(1, len(self.client.ncores())) and (trial := self._next()) is not None:
                        self.active[self._submit(trial)] = trial
                    self._beat()
                    for future in _ended(self.active):
                        display.ended(self._end(self.active.pop(future), future))
        finally:
            for trial in self.active.values():
                give_back(self.study, trial._trial_id, self.study._storage.get_trial(trial._trial_id))

    def _next(self) -> Trial | None:
        """Return a trial to be done: one that was given back, or a new one; None if there are enough."""
        trials = self.study.get_trials(deepcopy=False)
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        if not waiting and len(counted(self.study)) >= self.search.trials:
            return None
        # By the number: a restarted process does not repeat the draws of an earlier one.
        self.study.sampler = TPESampler(seed=1 + len(trials), constant_liar=True)
        trial = self.study.ask(self.distributions)
        trial.set_user_attr(PROCESS, process_name())
        if sum(other.number < trial.number for other in counted(self.study)) >= self.search.trials:
            self.study.tell(trial, state=TrialState.FAIL)  # other processes were quicker
            return None
        return trial

    def _submit(self, trial: Trial) -> Future[Any]:
        from experiments.search.trial import train_trial

        jobs, metric = trial_jobs(self.search, trial.params, self.root), self.search.file.metric
        place = (self.address, self.search.name, self.study.pruner, trial._trial_id)
        key = f"trial-{identity_of([self.address, self.search.name, trial._trial_id])}"
        return self.client.submit(train_trial, jobs, *place, metric, os.getcwd(), key=key)

    def _beat(self) -> None:
        """Show that this process lives, and take up what dead ones have left."""
        if time.monotonic() - self.beaten < BEAT:
            return
        self.beaten = time.monotonic()
        storage: Any = self.study._storage
        if is_heartbeat_enabled(storage):
            for trial in self.active.values():
                storage.record_heartbeat(trial._trial_id)
        take_up_dead(self.study)

    def _end(self, trial: Trial, future: Future[Any]) -> str:
        """Note how a trial has ended; returns it in words."""
        try:
            ended: Ended = future.result()
        except CancelledError:
            raise InputError(LOST) from None
        except Exception as error:
            message = reason_of(error)[1]
            trial.set_user_attr(MESSAGE, message)
            self.study.tell(trial, state=TrialState.FAIL)
            return f"failed: trial {trial.number}: {message}"
        trial.set_user_attr(VALUES, ended.values)
        trial.set_user_attr(SECONDS, round(ended.seconds, 1))
        value = None if ended.pruned else sum(ended.values) / len(ended.values)
        self.study.tell(trial, value, TrialState.PRUNED if ended.pruned else TrialState.COMPLETE)
        metric, best = self.search.file.metric, ranked(self.study)
        text = "stopped early" if value is None else f"{metric} {format_value(metric, value, finer=1)}"
        top = f", best {format_value(metric, best[0].value or 0.0, finer=1)} (trial {best[0].number})" if best else ""
        return f"trial {trial.number}: {text}{top}: {duration(ended.seconds)}"


def _ended(active: Mapping[Future[Any], Trial]) -> list[Future[Any]]:
    """Return the futures that have ended, after a second at most."""
    if not active:
        time.sleep(1.0)  # another process does the rest
        return []
    try:
        return list(wait(list(active), timeout=1.0, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        return []


def trial_jobs(search: Search, values: Mapping[str, Scalar], root: Path) -> list[Job]:
    """Return the trainings of a trial, one a seed: those of a grid with the same config and options."""
    file, settings = search.file, [Training(search.file.config, merged(search.file.options, dict(values)))]
    grid = Grid(search.name, GridFile(seeds=file.seeds, axes={}, metrics=[]))
    planner, condition = Planner(grid, root / search.name), Condition("trial", {})
    return [planner.train(condition, settings, seed, f"trial / seed {seed}") for seed in file.seeds]
