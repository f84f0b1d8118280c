"""Which condition another is compared with: one for all, or one for each setting at the end of their names."""

from collections.abc import Sequence

from episodic.errors import require, require_choice

STAR, COMMA = "*", ", "


def baseline_of(name: str, baseline: str | None, conditions: Sequence[str]) -> str | None:
    """The condition that `name` is compared with; None where there is none, or it is that itself.

    A star stands for what follows the last comma of `name`: with the baseline `cue, *` the condition
    `states, noise 20 %` is compared with `cue, noise 20 %`.
    """
    if baseline is not None and STAR in baseline:
        _, comma, setting = name.rpartition(COMMA)
        baseline = baseline.replace(STAR, setting) if comma else None
    return baseline if baseline in conditions and baseline != name else None


def check_baseline(baseline: object, conditions: Sequence[str]) -> str:
    """The baseline as the grid's file says it.

    Raises:
        InputError: it is no condition; with a star in it, none of those that it stands for is.
    """
    said = str(baseline)
    if STAR not in said:
        require_choice("baseline", said, tuple(conditions))
        return said
    found = any(baseline_of(name, said, conditions) for name in conditions)
    known = ", ".join(repr(name) for name in conditions)
    require(found, f"baseline is {said!r}: no two conditions that end alike after a comma fit that; there are {known}")
    return said
