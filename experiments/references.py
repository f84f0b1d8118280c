"""`@NAME` in an override: a file that another condition of the grid makes, with the same seed.

`@NAME` is the best checkpoint of the condition NAME, `@NAME/harvest.npz` the harvest of one that `predicts`, and
`@NAME/FILE` any other file in the folder of its training.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from episodic.errors import InputError, require
from experiments.conditions import Condition
from experiments.overrides import Arguments

HARVEST = "harvest.npz"


class Reference(NamedTuple):
    """A condition, and the file that is meant; None: its best checkpoint."""

    condition: str
    file: str | None = None

    @property
    def to_harvest(self) -> bool:
        """Whether the file is what the condition's prediction leaves."""
        return self.file == HARVEST


class Made(NamedTuple):
    """What is made for a condition: its training's files, or its harvest."""

    condition: str
    harvest: bool


def find_reference(argument: str, conditions: Mapping[str, Condition]) -> Reference | None:
    """What `--name=@...` refers to; None where an argument says something else.

    Raises:
        InputError: an unknown condition; a harvest of one that predicts nothing; a file outside of its folder.
    """
    option, _, value = argument.removeprefix("--").partition("=")
    if not value.startswith("@"):
        return None
    known = ", ".join(repr(name) for name in conditions)
    meant = [name for name in conditions if f"{value[1:]}/".startswith(f"{name}/")]
    require(bool(meant), f"{option} is {value!r}: after the @ has to stand a condition, one of {known}")
    name = max(meant, key=len)
    file = value[1:].removeprefix(name)[1:] or None
    inside = file is None or not {"..", "/"} & set(PurePosixPath(file).parts)
    require(inside and not value.endswith("/"), f"{option} is {value!r}: {file!r} is no file in the folder of a run")
    reference = Reference(name, file)
    makes = not reference.to_harvest or conditions[name].predicts is not None
    require(makes, f"{option} is {value!r}: {name!r} makes no harvest, since it says nothing under predicts")
    return reference


def check_references(conditions: Mapping[str, Condition], arguments: Arguments) -> None:
    """Check all references of a grid, whose trainings all take `arguments`.

    Raises:
        InputError: a wrong reference, see `find_reference`; a condition that needs what it makes itself.
    """
    needs: dict[Made, list[Made]] = {}
    for condition in conditions.values():
        needs.update(_needs(condition, conditions, arguments))
    done: set[Made] = set()
    for made in needs:
        _follow(made, needs, (), done)


def _needs(condition: Condition, conditions: Mapping[str, Condition], arguments: Arguments) -> dict[Made, list[Made]]:
    """What is needed for what is made for a condition."""
    training, harvest = Made(condition.name, False), Made(condition.name, True)
    try:
        own = list(_made(condition.arguments, conditions))
        for evaluation in condition.evaluations.values():
            list(_made(evaluation, conditions))  # nothing is made of a test, but its references may be wrong
        for_all, for_harvest = list(_made(arguments, conditions)), list(_made(condition.predicts or (), conditions))
    except InputError as error:
        raise InputError(f"conditions, {condition.name!r}: {error}") from error
    of_training = [*own, *for_all] if condition.trained_as is None else [Made(condition.trained_as, False)]
    return {training: of_training, harvest: [training, *own, *for_harvest]}


def _made(arguments: Sequence[str], conditions: Mapping[str, Condition]) -> Iterator[Made]:
    for argument in arguments:
        if (reference := find_reference(argument, conditions)) is not None:
            yield Made(reference.condition, reference.to_harvest)


def _follow(made: Made, needs: Mapping[Made, Sequence[Made]], way: tuple[Made, ...], done: set[Made]) -> None:
    if made in way:
        circle = [*way[way.index(made) :], made]
        names = " -> ".join(f"{step.condition!r}{' (harvest)' * step.harvest}" for step in circle)
        raise InputError(f"conditions: {names}: each needs what the next one makes, and so its own result")
    if made in done:
        return
    for needed in needs[made]:
        _follow(needed, needs, (*way, made), done)
    done.add(made)
