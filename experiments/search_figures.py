"""The pictures of a search: the course of it, what each parameter's values were worth, and which parameters matter."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from experiments.search_file import Search
from experiments.search_parameters import Choices, Parameter
from experiments.search_report import short
from experiments.search_study import SharedStudy, number_of

POINTS, BEST = "tab:blue", "tab:orange"
ENOUGH = 4  # trials, for importances to mean anything


def write_figures(folder: Path, search: Search, study: SharedStudy) -> None:
    """Write `history.png`, `slices.png` and, where there are trials enough that differ, `importance.png`."""
    figures = {"history": _history(search, study), "slices": _slices(search, study.ranked)}
    if importances := parameter_importances(study):
        figures["importance"] = _importance(importances)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=120)


def parameter_importances(study: SharedStudy) -> dict[str, float]:
    """The share of each parameter in what makes trials differ (functional ANOVA, Hutter et al. 2014), greatest first.

    Empty where there are too few trials, or none differ.
    """
    if len({trial.value for trial in study.ranked}) < 2 or len(study.ranked) < ENOUGH:
        return {}
    found = get_param_importances(study.study, evaluator=FanovaImportanceEvaluator(seed=0))
    return found if all(math.isfinite(share) for share in found.values()) else {}


def _history(search: Search, study: SharedStudy) -> Figure:
    """Each trial's value, and the best so far."""
    done = sorted(study.ranked, key=number_of)
    better: Callable[[float, float], float] = max if search.direction == "maximize" else min
    so_far: list[float] = []
    for trial in done:
        so_far.append(better(so_far[-1], _value(trial)) if so_far else _value(trial))
    figure = Figure((5.5, 3.4), layout="constrained")
    axes = figure.subplots()
    numbers = [number_of(trial) for trial in done]
    axes.plot(numbers, [_value(trial) for trial in done], "o", color=POINTS, markersize=4, label="trial")
    axes.step(numbers, so_far, where="post", color=BEST, lw=1.4, label="best so far")
    axes.set_xlabel("trial", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(axes, search.metric)
    axes.legend(fontsize=7, frameon=False)
    return figure


def _slices(search: Search, ranked: Sequence[FrozenTrial]) -> Figure:
    """Values over each parameter, a panel each; the best trial in another colour."""
    columns = min(3, len(search.parameters))
    rows = math.ceil(len(search.parameters) / columns)
    figure = Figure((1 + 3.2 * columns, 3.2 * rows), layout="constrained")
    panels: Sequence[Axes] = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for place, (axes, parameter) in enumerate(zip(panels, search.parameters, strict=False)):
        places = [_place(parameter, trial) for trial in ranked]
        axes.plot(places[1:], [_value(trial) for trial in ranked[1:]], "o", color=POINTS, markersize=4)
        axes.plot(places[:1], [_value(trial) for trial in ranked[:1]], "o", color=BEST, markersize=6)
        if isinstance(parameter, Choices):
            axes.set_xticks(range(len(parameter.options)), [short(option) for option in parameter.options])
            axes.set_xlim(-0.5, len(parameter.options) - 0.5)
        elif parameter.log:
            axes.set_xscale("log")
        axes.set_xlabel(parameter.name, fontsize=8)
        _finish(axes, "" if place % columns else search.metric)
    for axes in panels[len(search.parameters) :]:
        axes.remove()
    return figure


def _place(parameter: Parameter, trial: FrozenTrial) -> float:
    chosen = trial.params[parameter.name]
    return float(parameter.options.index(chosen) if isinstance(parameter, Choices) else chosen)


def _importance(importances: dict[str, float]) -> Figure:
    figure = Figure((5.5, 1 + 0.3 * len(importances)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(importances)[::-1], list(importances.values())[::-1], 0.7, color=POINTS, alpha=0.75)
    axes.set_xlabel("importance", fontsize=8)
    _finish(axes, "")
    return figure


def _finish(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _value(trial: FrozenTrial) -> float:
    assert trial.value is not None
    return trial.value
