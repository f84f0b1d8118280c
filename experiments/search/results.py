"""What a search has found: its trials in a CSV, the best in a table, Optuna's plots."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from episodic.files import replacing
from experiments.planning.options import as_arguments, as_text, merged
from experiments.planning.yaml_files import Scalar
from experiments.search.file import Search
from experiments.tables.files import read_table, write_table
from experiments.tables.formatting import format_value, markdown_table

MESSAGE, VALUES, SECONDS = "message", "values", "seconds"  # what is kept with a trial
SHOWN, ENOUGH = 5, 4  # trials in the table, and for importances to mean anything


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: not those that another one has taken the place of."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state != TrialState.FAIL or MESSAGE in trial.user_attrs]


def is_settled(study: optuna.Study, total: int) -> bool:
    """Return whether all trials have ended."""
    return sum(trial.state.is_finished() for trial in counted(study)) >= total


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that ended well, the best first; of equal ones the earlier first."""
    sign = -1.0 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(done, key=lambda trial: sign * (trial.value or 0.0))


def sum_up(search: Search, study: optuna.Study, folder: Path) -> int:
    """Write CSV and plots, print the best and what failed; returns the exit status: 1 if a trial failed."""
    trials, best = counted(study), ranked(study)
    write_table(folder / "trials.csv", trial_table(search, trials))
    failed = [trial for trial in trials if MESSAGE in trial.user_attrs]
    for trial in failed:
        print(f"failed: trial {trial.number}: {trial.user_attrs[MESSAGE]} (logs in {folder})", file=sys.stderr)
    finished = sum(trial.state.is_finished() for trial in trials)
    print(f"{finished} of {search.trials} trials in {folder / 'trials.csv'}")
    if best:
        save_plots(study, search.file.metric, folder)
        print(f"\n{best_table(search, best)}\n\nAs the best of them, trial {best[0].number}:\n")
        print(best_command(search, best[0]))
    return int(bool(failed))


def write_together(searches: Sequence[Search], root: Path, name: str) -> Path:
    """Write the trials of several searches to one CSV, and return its path."""
    tables = {search.name: read_table(root / search.name / "trials.csv", ["trial"]) for search in searches}
    together = pd.concat(tables, names=["search"]).reset_index(level="search")
    write_table(root / f"{name}.csv", together)
    return root / f"{name}.csv"


def trial_table(search: Search, trials: Sequence[FrozenTrial]) -> pd.DataFrame:
    """Return a row for each trial, with the value of each seed."""
    rows = []
    for trial in trials:
        values = dict(
            zip((f"seed_{seed}" for seed in search.file.seeds), trial.user_attrs.get(VALUES, []), strict=False)
        )
        chosen = {name: as_text(value) for name, value in trial.params.items()}
        value = {search.file.metric: trial.value, "seconds": trial.user_attrs.get(SECONDS)}
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                **values,
                **chosen,
                **value,
                "message": trial.user_attrs.get(MESSAGE),
            }
        )
    seeds = [f"seed_{seed}" for seed in search.file.seeds]
    columns = ["trial", "state", search.file.metric, *seeds, *search.file.parameters, "seconds", "message"]
    return pd.DataFrame(rows, columns=columns)


def save_plots(study: optuna.Study, metric: str, folder: Path) -> None:
    """Write Optuna's plots: the metric by trial and during each training, and what each parameter was worth."""
    import matplotlib as mpl
    from optuna.visualization import matplotlib as plots

    several = len({trial.value for trial in ranked(study)}) > 1 and len(ranked(study)) >= ENOUGH
    with mpl.rc_context():
        mpl.use("Agg")
        drawn: dict[str, Any] = {
            "history": plots.plot_optimization_history(study, target_name=metric),
            "intermediate": plots.plot_intermediate_values(study),
            "slices": plots.plot_slice(study, target_name=metric),
        }
        if several:
            drawn["importance"] = plots.plot_param_importances(study)
        for name, axes in drawn.items():
            figure = axes.flat[0].figure if hasattr(axes, "flat") else axes.figure
            with replacing(folder / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=110, bbox_inches="tight")
            mpl.pyplot.close(figure)


def best_table(search: Search, best: Sequence[FrozenTrial]) -> str:
    """Return the best trials, in Markdown."""
    names, metric = list(search.file.parameters), search.file.metric
    rows = [
        [
            str(trial.number),
            format_value(metric, trial.value or 0.0, finer=1),
            *(_short(trial.params[name]) for name in names),
        ]
        for trial in best[:SHOWN]
    ]
    return markdown_table(["trial", metric, *names], rows)


def _short(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else as_text(value)


def best_command(search: Search, best: FrozenTrial) -> str:
    """Return the command line that trains as the best trial did, with the first of its seeds."""
    options = as_arguments(merged(search.file.options, {name: best.params[name] for name in search.file.parameters}))
    start = ["cli.py", "fit", "--config", search.file.config, "--seed_everything", str(search.file.seeds[0])]
    return shlex.join([".venv/bin/python", *start, *options])
