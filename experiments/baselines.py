"""Which condition another is compared with: one for all, or one for each number at the end of their names."""

import re
from collections.abc import Sequence

from errors import require, require_choice

#: A number at the end of a name, with a per cent sign if it has one.
NUMBER = re.compile(r"(?<!\S)[-+]?\d+(\.\d+)?(e[-+]?\d+)?(\s*%)?$")
STAR = "*"


def baseline_of(name: str, baseline: str | None, conditions: Sequence[str]) -> str | None:
    """The condition that `name` is compared with; None where there is none, or it is that itself.

    With a star in it, `cue, noise *` stands for `cue, noise 20 %` where `states, noise 20 %` is compared.
    """
    if baseline is not None and STAR in baseline:
        number = NUMBER.search(name)
        baseline = baseline.replace(STAR, number[0]) if number else None
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
    found = [name for name in conditions if baseline_of(name, said, conditions) is not None]
    known = ", ".join(repr(name) for name in conditions)
    require(
        bool(found), f"baseline is {said!r}: no condition but for the number at its end is called so; there are {known}"
    )
    return said
