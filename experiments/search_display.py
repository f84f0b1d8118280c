"""Trials done by all processes, those under way here, and the best so far: the runner's display with other words."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from experiments.display import Display
from experiments.formatting import format_value
from experiments.schedule import duration
from experiments.search_study import number_of
from experiments.search_trial import Ended


class SearchDisplay(Display):
    """The one progress display of a search, on standard error.

    Args:
        total: trials, over all processes.
        metric: what they are compared by.
    """

    def __init__(self, total: int, metric: str) -> None:
        super().__init__(total)
        self.metric = metric

    def know(self, trials: Sequence[FrozenTrial], best: FrozenTrial | None) -> None:
        """Take note of what all processes have done."""
        self.done = min(self.total, sum(trial.state.is_finished() for trial in trials))
        value = None if best is None else best.value
        if best is not None and value is not None:
            self.note = f"best {self._told(value)} (trial {number_of(best)})"

    def trial_ended(self, trial: Ended, left: float | None) -> None:
        """Tell of a trial that failed, with the reason; of another one where there is no bar."""
        if trial.value is None:
            self._say(f"failed: trial {trial.number}: {trial.message}")
        elif not self.console.is_terminal:
            told = "" if left is None else f", {duration(left)} left"
            figures = f"{self.metric} {self._told(trial.value)}, {self.note}"
            self._say(f"[{self.done}/{self.total}] trial {trial.number}: {figures}: {duration(trial.seconds)}{told}")

    def _told(self, value: float) -> str:
        return format_value(self.metric, value, finer=1)
