"""The parser by itself, with the options of a small class."""

from dataclasses import dataclass
from typing import Any

import pytest

from episodic.errors import InputError
from launcher.parser import OneLineParser


@dataclass
class Inner:
    """A part with a few options."""

    threshold: float | None = 0.9
    size: int = 3


class Outer:
    """A class that holds the part."""

    def __init__(self, inner: Inner | None = None, exact: bool = False, hidden_size: int = 8) -> None:
        self.inner = inner


def parsed(*arguments: str) -> Any:
    parser = OneLineParser(exit_on_error=False)
    parser.add_subclass_arguments(Outer, "outer")
    return parser.parse_args(["--outer", "Outer", *arguments]).outer.init_args


@pytest.mark.parametrize("text", ["null", "None", "~", "NULL"])
@pytest.mark.parametrize("option", ["--outer.inner.threshold", "--outer.init_args.inner.threshold"])
@pytest.mark.parametrize("joined", [True, False])
def test_an_option_of_a_part_can_be_null(option: str, text: str, joined: bool) -> None:
    assert parsed(*([f"{option}={text}"] if joined else [option, text])).inner.threshold is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--outer.inner.size", "null"], "outer.inner.size is null: it must be a whole number"),
        (["--outer.exact", "null"], "outer.exact is null: it must be true or false"),
        (["--outer.inner.size", "many"], "outer.inner.size is 'many': it must be a whole number"),
        (
            ["--outer.inner", '{"nosuch": {}}'],
            "inner: Option 'nosuch' is not accepted: it may be size, threshold",
        ),
        (["--outer.inner", '{"nosuch": 3}'], "Option 'nosuch' is not accepted"),
        (["--outer.hiden_size", "3"], "outer: Option 'hiden_size' is not accepted: did you mean hidden_size?"),
        (["--outer.inner.size"], "outer.inner.size needs a value"),
        (["--outre", "3"], "unrecognized arguments: --outre 3: did you mean outer?"),
        (["--outer.inner.size", "9" * 5000], "a number has too many digits"),
        (["--outer.inner.size", "\udcff"], "outer.inner.size: it must be text in UTF-8"),
        (["--outer.inner.size", "\x1b[31m"], "\\x1b[31m"),
    ],
)
def test_a_wrong_option_is_named(arguments: list[str], complaint: str) -> None:
    with pytest.raises(InputError) as error:
        parsed(*arguments)
    assert complaint in str(error.value)
    assert str(error.value).isprintable()
