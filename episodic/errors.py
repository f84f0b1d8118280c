"""`InputError`, and checks that raise it."""

import math

#: The largest seed that NumPy, scikit-learn and torch all take.
LARGEST_SEED = 2**32 - 1


class InputError(ValueError):
    """Report a mistake in the input: an argument, a file, a data set or a run folder.

    The message is one line that names the argument, its value and what would be right. The command line prints
    that line without a traceback and exits with a non-zero status. Characters that would steer a terminal, such as
    those in names that come from files, are written as escapes.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


def printable(text: str) -> str:
    r"""Write characters that would steer a terminal, or reverse a text, as escapes; line ends stay.

    >>> printable("a\x1b[2Jb\u202e")
    'a\\x1b[2Jb\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def require(condition: bool, message: str) -> None:
    """Raise `InputError(message)` unless `condition` holds.

    >>> threshold = 0.9
    >>> require(-1 <= threshold <= 1, f"threshold is {threshold}: it must lie between -1 and 1")
    """
    if not condition:
        raise InputError(message)


def require_positive(**values: float) -> None:
    """Raise `InputError` for the first named value that is not greater than 0.

    >>> require_positive(capacity=10, key_size=0)
    Traceback (most recent call last):
    episodic.errors.InputError: key_size is 0: it must be greater than 0
    """
    for name, value in values.items():
        require(value > 0, f"{name} is {value}: it must be greater than 0")


def require_finite(**values: float) -> None:
    """Raise `InputError` for the first named value that is NaN or infinite.

    >>> require_finite(start=1.0, end=float("nan"))
    Traceback (most recent call last):
    episodic.errors.InputError: end is nan: it must be a finite number
    """
    for name, value in values.items():
        require(math.isfinite(value), f"{name} is {value}: it must be a finite number")


def require_seed(**seeds: int) -> None:
    """Raise `InputError` for the first named seed that some generator of random numbers would refuse.

    >>> require_seed(vocabulary_seed=-1)
    Traceback (most recent call last):
    episodic.errors.InputError: vocabulary_seed is -1: it must be 0 or more
    """
    for name, seed in seeds.items():
        require(seed >= 0, f"{name} is {seed}: it must be 0 or more")
        require(seed <= LARGEST_SEED, f"{name} is {seed}: it must be at most {LARGEST_SEED}")


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise `InputError` unless `value` is one of `choices`.

    >>> require_choice("kernel", "dot", ("cosine", "l2"))
    Traceback (most recent call last):
    episodic.errors.InputError: kernel is 'dot': it must be one of cosine, l2
    """
    require(value in choices, f"{name} is {value!r}: it must be one of {', '.join(choices)}")


def require_fraction(**values: float) -> None:
    """Raise `InputError` for the first named value that lies outside [0, 1].

    >>> require_fraction(noise=1.5)
    Traceback (most recent call last):
    episodic.errors.InputError: noise is 1.5: it must lie between 0 and 1
    """
    for name, value in values.items():
        require(0.0 <= value <= 1.0, f"{name} is {value}: it must lie between 0 and 1")
