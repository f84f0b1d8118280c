"""What a search found: its trials in a CSV, the best five in a table, the best as a command line."""

import csv
import io
import shlex
from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from experiments.formatting import format_value, markdown_rows
from experiments.overrides import override_arguments
from experiments.record import write_whole
from experiments.search_file import Search
from experiments.search_study import MESSAGE, SECONDS, VALUES, number_of

SHOWN = 5
STATES = {TrialState.COMPLETE: "done", TrialState.FAIL: "failed", TrialState.RUNNING: "running"}


def write_trials(path: Path, search: Search, trials: Sequence[FrozenTrial]) -> None:
    """Write the CSV anew, in one go: a row a trial, with what each seed gave."""
    names, seeds = [parameter.name for parameter in search.parameters], [f"seed_{seed}" for seed in search.seeds]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", search.metric, *seeds, *names, "seconds", "message"])
    for trial in sorted(trials, key=number_of):
        told, values = trial.user_attrs, trial.user_attrs.get(VALUES, [""] * len(seeds))
        value = "" if trial.value is None else trial.value
        seconds = f"{told[SECONDS]:.1f}" if SECONDS in told else ""
        chosen = [_plain(trial.params[name]) if name in trial.params else "" for name in names]
        state = STATES.get(trial.state, "waiting")
        writer.writerow([number_of(trial), state, value, *values, *chosen, seconds, told.get(MESSAGE, "")])
    write_whole(path, text.getvalue())


def best_table(search: Search, ranked: Sequence[FrozenTrial]) -> str:
    """The best five trials, in Markdown."""
    names = [parameter.name for parameter in search.parameters]
    rows = [
        [f"{number_of(trial)}", format_value(search.metric, trial.value or 0.0, finer=1)]
        + [short(trial.params[name]) for name in names]
        for trial in ranked[:SHOWN]
    ]
    return markdown_rows(["trial", search.metric, *names], rows)


def best_command(search: Search, best: FrozenTrial) -> str:
    """The command line that trains as the best trial did, with the first of its seeds."""
    chosen = {parameter.name: best.params[parameter.name] for parameter in search.parameters}
    start = ["cli.py", "fit", "--config", str(search.config), "--seed_everything", str(search.seeds[0])]
    return shlex.join([".venv/bin/python", *start, *search.arguments, *override_arguments(chosen, "parameters")])


def _plain(value: object) -> object:
    """A value as it is written in YAML."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else value


def short(value: object) -> str:
    """A parameter's value as it stands in tables and pictures."""
    return f"{value:.4g}" if isinstance(value, float) else str(_plain(value))
