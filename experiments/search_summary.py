"""What is left and printed at the end of a search, whoever did its trials."""

import sys
from pathlib import Path

from experiments.search_figures import write_figures
from experiments.search_file import Search
from experiments.search_report import best_command, best_table, write_trials
from experiments.search_study import MESSAGE, SharedStudy, number_of

CSV = "trials.csv"


def sum_up(search: Search, study: SharedStudy, folder: Path) -> int:
    """Write CSV and pictures, print the best and what failed; returns the exit status: 1 where a trial failed."""
    trials, ranked = study.trials, study.ranked
    write_trials(folder / CSV, search, trials)
    failed = [trial for trial in trials if MESSAGE in trial.user_attrs]
    for trial in failed:
        number, message = number_of(trial), trial.user_attrs[MESSAGE]
        print(f"failed: trial {number}: {message} (see the logs in {folder / f'trial_{number}'})", file=sys.stderr)
    print(f"{len(ranked) + len(failed)} of {search.trials} trials in {folder / CSV}")
    if ranked:
        write_figures(folder, search, study)
        print(f"\n{best_table(search, ranked)}\n\nAs the best of them, trial {number_of(ranked[0])}:\n")
        print(best_command(search, ranked[0]))
    return int(bool(failed))
