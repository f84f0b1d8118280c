"""The task of evaluation blocks: the training's task with some other arguments."""

import inspect
from argparse import ArgumentError
from collections.abc import Mapping
from typing import Any, TypeVar

from jsonargparse import ArgumentParser

from episodic.errors import InputError, require
from episodic.tasks.task import Task

#: The value of a task's argument. `None` comes first, so that a command line's `null` is not read as text.
Setting = None | bool | int | float | str

#: Properties, besides its sizes, that agents and metrics expect to be the same in every split.
FIXED = ("exposures", "schedule", "fixed_labels", "shows_drawings")


AnyTask = TypeVar("AnyTask", bound=Task)


def evaluation_task(task: AnyTask, changes: Mapping[str, Setting]) -> AnyTask:
    """Build a task like `task` with other values for some of its arguments.

    Works for every task that keeps its arguments as attributes, such as a dataclass.

    Raises:
        InputError: The task has no such argument; a value has the wrong type or makes no task; the new task has other
            sizes than `task`.

    >>> from episodic.tasks.barcode_bandit import BarcodeBandit
    >>> evaluation_task(BarcodeBandit(bits=20), {"noise": 0.2}) == BarcodeBandit(bits=20, noise=0.2)
    True
    """
    if not changes:
        return task
    kind, arguments = type(task), _arguments(task)
    changed = {name: _typed(kind, arguments, name, value) for name, value in changes.items()}
    try:
        other = kind(**{**arguments, **changed})
    except (TypeError, ValueError) as error:
        raise InputError(f"evaluation makes no {kind.__name__}: {error}") from error
    before, after = _fixed(task), _fixed(other)
    for name in before:
        require(
            before[name] == after[name],
            f"evaluation changes {name} from {before[name]} to {after[name]}: it must be the same as in training",
        )
    return other


def _fixed(task: Task) -> dict[str, Any]:
    return {**task.sizes._asdict(), **{name: getattr(task, name) for name in FIXED}}


def _arguments(task: Task) -> dict[str, Any]:
    """Collect the arguments that built a task, from its attributes."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [name for name, parameter in inspect.signature(type(task)).parameters.items() if parameter.kind in named]
    for name in names:
        require(
            hasattr(task, name),
            f"evaluation needs a task that keeps its arguments as attributes: {type(task).__name__} lacks {name}",
        )
    return {name: getattr(task, name) for name in names}


def _typed(kind: type[Task], arguments: Mapping[str, Any], name: str, value: Setting) -> Any:
    """Return the value as the type that the argument declares, as in a config."""
    require(
        name in arguments,
        f"evaluation.{name} is {value!r}: {kind.__name__} has no such argument, only {', '.join(arguments)}",
    )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, skip=set(arguments) - {name}, fail_untyped=False)
    try:
        return parser.parse_object({name: value})[name]
    except ArgumentError as error:
        wanted = inspect.formatannotation(inspect.signature(kind).parameters[name].annotation)
        raise InputError(f"evaluation.{name} is {value!r}: {kind.__name__} needs {wanted}") from error
