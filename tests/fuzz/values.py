"""Wrong values for an option, by its type."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.fuzz.options import Option


class Value(NamedTuple):
    """A value as text; `refused` where no command may take it."""

    text: str
    refused: bool


#: What terminals, files and parsers stumble over.
STRANGE = (
    "",
    " ",
    "-",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "two\nlines",
    "carriage\rreturn",
    "\u202eleft",
    "Zeichen \u6f22\u5b57 \U0001f3d6",
    "\udcff",
    "x" * 20_000,
    "{",
    "[1, 2",
    "'",
    "%s %d {0}",
    "../..",
    "!!python/object/apply:os.getcwd []",
    "&a [*a]",
    "@nosuch",
    "$HOME",
)
HUGE = ("1000000000000", str(2**31), str(2**63), "-" + str(2**63), "1" + "0" * 400, "9" * 5000)
NUMBERS = ("-1", "0", "-7", *HUGE)
#: Options that say how long a training takes: a huge number is right, and takes as long as it says.
LASTING = ("trigger.updates",)
NOT_FINITE = (".nan", ".inf", "-.inf", "nan", "inf", "NaN", "1e999")
FRACTIONS = ("1e308", "-1e308", "1e-320", "-0.5", "1.5", "1e30")
CLASSES = (
    "NoSuch",
    "nosuch.module.Class",
    "episodic.memory.NoSuch",
    "torch.nn.Linear",
    "json.loads",
    "3",
    '{"class_path": "NoSuch"}',
    '{"class_path": 3}',
    '{"init_args": {"nosuch": 1}}',
    '{"nosuch": {}}',
    "EpisodicMemory",
    ".",
    "..",
    "a..b",
)
STRUCTURES = ("[]", "{}", "[1, 2]", '{"nosuch": 1}', "[[[]]]", "[null]")
LOOSE = (str, list, tuple, dict, Any, object)


def wrong_values(option: Option, folder: Path) -> Iterator[Value]:
    """Values that are wrong for an option, or at the edge of what it takes."""
    kinds = option.kinds
    takes_text = str in kinds or any(kind in LOOSE for kind in kinds) or bool(option.classes)
    if not takes_text:
        yield from (Value(text, text.strip() != "") for text in ("nosuch", *STRANGE[3:6], *STRANGE[8:11]))
        yield from (Value(text, True) for text in STRUCTURES[:4])
    else:
        yield from (Value(text, False) for text in STRANGE)
    numbers = bool({int, float} & kinds)
    if numbers:
        lasting = option.name.endswith(LASTING)
        yield from (Value(text, False) for text in NUMBERS if not (lasting and text in HUGE))
        yield from (Value(text, not takes_text and bool not in kinds) for text in NOT_FINITE)
    if float in kinds:
        yield from (Value(text, False) for text in FRACTIONS)
    elif int in kinds:
        yield Value("1.5", not takes_text)
    if bool in kinds:
        yield from (Value(text, not numbers and not takes_text) for text in ("maybe", "2", "-1", "yes please"))
    if Literal in kinds:
        yield Value("nosuch", not takes_text)
    if option.classes:
        yield from (Value(text, str not in kinds and text in CLASSES[:3]) for text in CLASSES)
        yield from (Value(text, False) for text in STRUCTURES)
    if str in kinds:
        yield from (Value(text, False) for text in ("nosuch", "3", "null", *STRUCTURES))
        yield from (Value(str(folder / name), False) for name in ("nosuch", ".", "text.txt", "text.txt/below"))
    yield Value("null", None not in kinds and not takes_text)
