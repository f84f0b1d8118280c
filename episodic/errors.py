"""The one exception that means: the user gave something that cannot work."""


class InputError(ValueError):
    """A mistake in what the user gave: a value, a file, a data set, a run folder.

    Its message is one line that names what is wrong and what would be right; the command line prints
    that line alone and exits with a non-zero status.
    """


def require(condition: bool, message: str) -> None:
    """Raise `InputError(message)` unless `condition` holds."""
    if not condition:
        raise InputError(message)


def require_positive(**values: float) -> None:
    """Raise `InputError` for the first of the named values that is not greater than zero."""
    for name, value in values.items():
        require(value > 0, f"{name} is {value}: it has to be greater than 0")


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise `InputError` unless `value` is one of `choices`."""
    require(value in choices, f"{name} is {value!r}: it has to be one of {', '.join(choices)}")


def require_fraction(**values: float) -> None:
    """Raise `InputError` for the first of the named values that is outside [0, 1]."""
    for name, value in values.items():
        require(0.0 <= value <= 1.0, f"{name} is {value}: it has to lie between 0 and 1")
