"""The trials of a search, as several processes share them: who takes which, and what became of it.

The process that has taken a trial shows every few seconds that it is there. Where it ceases to, another one ends the
trial and puts one with the same values in its place, which goes on in the same folder.
"""

import time
import uuid
from collections.abc import Mapping, Sequence

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from experiments.search_parameters import Parameter, Scalar

SEED = 1
BEAT = 10.0  # seconds after which a process shows again that it is there
GRACE = 60.0  # seconds without a sign after which it is taken for dead
GONE = "gone"
# What is noted with a trial: the process that does it, its number, that it takes another's place or is one too many,
RUNNER, NUMBER, REPLACES, SURPLUS = "runner", "number", "replaces", "surplus"
# what came out for each seed, why it failed, and how long it took.
VALUES, MESSAGE, SECONDS = "values", "message", "seconds"


def number_of(trial: FrozenTrial | Trial) -> int:
    """A trial's number, and that of its folder; one that takes another's place has the other's."""
    return int(trial.user_attrs.get(NUMBER, trial.number))


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of the search's: neither one too many, nor one that another has the place of."""
    broken_off = trial.state == TrialState.FAIL and MESSAGE not in trial.user_attrs
    return SURPLUS not in trial.user_attrs and not broken_off


class SharedStudy:
    """A study, seen from one of the processes that work at it.

    Args:
        study: where the trials are.
        parameters: what each chooses.
        total: how many trials there are to be, over all processes.
    """

    def __init__(self, study: optuna.Study, parameters: Sequence[Parameter], total: int) -> None:
        self.study, self.parameters, self.total = study, parameters, total
        self.runner = uuid.uuid4().hex
        self._last_beat = -BEAT
        self._seen: dict[str, tuple[object, float]] = {}

    @property
    def trials(self) -> list[FrozenTrial]:
        """Those that count, in their order."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if counts(trial)]

    @property
    def best(self) -> FrozenTrial | None:
        """The best of the trials that ended well."""
        return next(iter(self.ranked), None)

    @property
    def ranked(self) -> list[FrozenTrial]:
        """The trials that ended well, from the best on; of equal ones the earlier first."""
        sign = -1.0 if self.study.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
        done = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        return sorted(done, key=lambda trial: sign * (trial.value or 0.0))

    @property
    def settled(self) -> bool:
        """Whether all trials have ended."""
        wanted = self.trials[: self.total]
        return len(wanted) == self.total and all(trial.state.is_finished() for trial in wanted)

    def claim(self) -> tuple[Trial, dict[str, Scalar]] | None:
        """A trial to be done, with its values: one that was broken off, else a new one; None: there is none left."""
        wanted = self.trials[: self.total]
        if len(wanted) == self.total and not any(trial.state == TrialState.WAITING for trial in wanted):
            return None
        trial = self.study.ask()
        trial.set_user_attr(RUNNER, self.runner)
        if sum(other.number < trial.number for other in self.trials) >= self.total:  # others were quicker
            trial.set_user_attr(SURPLUS, True)
            self._tell(trial, None)
            return None
        number = self._number(trial)
        trial.set_user_attr(NUMBER, number)
        # Seeded by the number, so that neither a process begun anew nor a second one repeats what the first one drew.
        self.study.sampler = TPESampler(seed=SEED + number, constant_liar=True)
        return trial, {parameter.name: parameter.suggest(trial) for parameter in self.parameters}

    def _number(self, trial: FrozenTrial | Trial) -> int:
        """A trial's number: without gaps, so that an interruption does not change what is drawn after it."""
        if NUMBER in trial.user_attrs:
            return number_of(trial)
        others = [other for other in self.study.get_trials(deepcopy=False) if other.number < trial.number]
        return sum(REPLACES not in other.user_attrs and SURPLUS not in other.user_attrs for other in others)

    def twin(self, values: Mapping[str, Scalar]) -> FrozenTrial | None:
        """A trial with the same values that has ended well: its trainings would give the same again."""
        return next((trial for trial in self.ranked if trial.params == values), None)

    def finish(self, trial: Trial, values: Sequence[float], seconds: float) -> bool:
        """End a trial well, with a value for each seed; False where it was taken for dead, and so is another's now."""
        return self._end(trial, sum(values) / len(values), seconds, {VALUES: list(values)})

    def fail(self, trial: Trial, message: str, seconds: float) -> bool:
        """End a trial that failed, with the reason; False where it is another's now."""
        return self._end(trial, None, seconds, {MESSAGE: message})

    def _end(self, trial: Trial, value: float | None, seconds: float, told: dict[str, object]) -> bool:
        try:
            for key, said in {**told, SECONDS: seconds}.items():
                trial.set_user_attr(key, said)
        except UpdateFinishedTrialError:
            return False
        return self._tell(trial, value)

    def _tell(self, trial: Trial | int, value: float | None) -> bool:
        try:
            self.study.tell(trial, value, TrialState.FAIL if value is None else TrialState.COMPLETE)
        except (ValueError, UpdateFinishedTrialError):  # another process has ended it
            return False
        return True

    def beat(self) -> None:
        """Show that this process is there, if it is time to; and take up what those left that are not any more."""
        if time.monotonic() - self._last_beat < BEAT:
            return
        self._last_beat = time.monotonic()
        self.study.set_user_attr(self.runner, time.time())
        runners = self.study.user_attrs
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            runner = trial.user_attrs.get(RUNNER, f"of trial {trial.number}")
            gone = runner != self.runner and self._is_gone(runner, runners.get(runner))
            if gone and self._tell(trial.number, None) and MESSAGE not in trial.user_attrs:
                told = {NUMBER: self._number(trial), REPLACES: trial.number}
                self.study.enqueue_trial(trial.params, user_attrs=told)

    def _is_gone(self, runner: str, sign: object) -> bool:
        """Whether a process has left, or shown no new sign for long by this process's own clock."""
        if sign == GONE:
            return True
        now = time.monotonic()
        seen, since = self._seen.setdefault(runner, (sign, now))
        if seen != sign:
            self._seen[runner] = (sign, now)
            return False
        return now - since > GRACE

    def leave(self) -> None:
        """Give up the trials that this process has not ended: whoever comes next takes them up at once."""
        self.study.set_user_attr(self.runner, GONE)
