"""What a search may choose: ranges of numbers, and lists of choices."""

import math
from dataclasses import dataclass
from typing import Any

from optuna.trial import Trial

from episodic.errors import InputError, require, require_choice
from experiments.overrides import override_arguments, require_named

#: A value of an option.
Scalar = str | int | float | bool | None
RANGE, CHOICES = ("low", "high", "log", "step", "type"), ("choices",)
KINDS = {"int": int, "float": float}


@dataclass(frozen=True)
class Range:
    """A number between two others, both included.

    Args:
        name: the option's name on the command line.
        low: the least.
        high: the greatest.
        log: whether the logarithm is what is drawn evenly at first.
        step: only low, low + step, low + 2 step, ...; None: any number, of whole ones each.
    """

    name: str
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def suggest(self, trial: Trial) -> Scalar:
        """The value that a trial takes; whole where the ends are."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(self.name, self.low, self.high, log=self.log, step=step)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log, step=self.step)


@dataclass(frozen=True)
class Choices:
    """One of several values, in no order.

    Args:
        name: the option's name on the command line.
        options: the values.
    """

    name: str
    options: tuple[Scalar, ...]

    def suggest(self, trial: Trial) -> Scalar:
        """The value that a trial takes."""
        return trial.suggest_categorical(self.name, self.options)


Parameter = Range | Choices


def parse_parameters(said: Any) -> tuple[Parameter, ...]:
    """The section `parameters` of a search's file.

    Raises:
        InputError: it is empty or no mapping, or see `parse_parameter`.
    """
    require_named(said, "parameters")
    return tuple(parse_parameter(name, section) for name, section in said.items())


def parse_parameter(name: str, said: Any) -> Parameter:
    """One parameter: `{low:, high:}` with `log`, `step` and `type` where they are wanted, or `{choices: [...]}`.

    Raises:
        InputError: the name is no option's, or one that is not searched; a key is unknown, missing or of the wrong
            kind; the range is empty or its logarithm does not exist; a step that does not lead from low to high.
    """
    override_arguments({name: 0}, "parameters")
    where = f"parameters, {name}"
    require(isinstance(said, dict) and bool(said), f"{where} is {said!r}: it has to give low and high, or choices")
    for key in said:
        require_choice(f"{where}: key", str(key), CHOICES if "choices" in said else RANGE)
    return _choices(name, said["choices"], where) if "choices" in said else _range(name, said, where)


def _choices(name: str, options: Any, where: str) -> Choices:
    several = isinstance(options, list) and len(options) > 1
    require(several, f"{where}: choices is {options!r}: it must be a list of two values or more")
    for option in options:
        override_arguments({name: option}, where)
        to_other = isinstance(option, str) and option.startswith("@")
        require(not to_other, f"{where}: {option!r} refers to a condition, which only a grid has")
    require(len(set(options)) == len(options), f"{where}: choices is {options!r}: each may stand there once")
    return Choices(name, tuple(options))


def _range(name: str, said: dict[str, Any], where: str) -> Range:
    for key in ("low", "high"):
        require(key in said, f"{where}: {key} is missing: a range has low and high")
    log, kind = said.get("log", False), _kind(said, where)
    require(isinstance(log, bool), f"{where}: log is {log!r}: it must be true or false")
    low, high = kind(_number(said["low"], f"{where}: low")), kind(_number(said["high"], f"{where}: high"))
    require(low < high, f"{where}: low is {low} and high is {high}: low has to be less")
    require(not log or low > 0, f"{where}: low is {low}: with log it must be more than 0")
    step = None if said.get("step") is None else kind(_number(said["step"], f"{where}: step"))
    if step is not None:
        require(not log, f"{where}: step is {step}, but log is true: only one of them can be")
        steps = (high - low) / step if step > 0 else 0.0
        leads = steps >= 1 and math.isclose(steps, round(steps), rel_tol=1e-9)
        require(leads, f"{where}: step is {step}: a whole number of steps has to lead from {low} to {high}")
    return Range(name, low, high, log, step)


def _kind(said: dict[str, Any], where: str) -> type[int] | type[float]:
    """What the values are: as `type` says, else whole numbers where all that is said are."""
    numbers = [said[key] for key in ("low", "high", "step") if said.get(key) is not None]
    whole = all(type(number) is int for number in numbers)
    named = said.get("type", "int" if whole else "float")
    require_choice(f"{where}: type", str(named), tuple(KINDS))
    require(whole or named != "int", f"{where}: type is int, but not all of {numbers} are whole numbers")
    return KINDS[named]


def _number(value: Any, where: str) -> float:
    """A number; `1e-3`, which YAML takes for text, is one too."""
    try:
        number = value if type(value) is int else float(value if isinstance(value, str | float) else "")
    except ValueError as error:
        raise InputError(f"{where} is {value!r}: it must be a number") from error
    require(math.isfinite(number), f"{where} is {value!r}: it must be a finite number")
    return number
