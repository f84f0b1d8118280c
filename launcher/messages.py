"""Long messages of libraries, cut down to the one line that tells the user what to mend."""

import re
from collections.abc import Sequence

from episodic.errors import printable

LONGEST = 400
#: Lines of a parser's messages that describe its internals.
NOISE = re.compile(
    r"^(usage:|tip:|Parser key|Problem with given|Does not validate|Subtypes:|Errors:|Given value|"
    r"Expected a path but|Subclass types expect|a class path \(str\)|a dict with(out)? |The error is)"
)
#: What libraries say of a package that is not installed.
MISSING = re.compile(r"(?:Requirement|Module not found:) '([\w-]+)[^']*'")
UNKNOWN_CLASS = re.compile(
    r"Expected a dot import path string: (\S+)|Unexpected import path format: (\S+)|"
    r"No module named '?(?P<module>\S+?)'?(?:\.|$)|module '\S+' has no attribute '(\S+)'"
)
EXPECTED = re.compile(r"^(?:Expected (?:a|an)|Not a valid subclass of) (.+?)(?:\. Got value: (.*))?$")
#: How a value's type is spoken of.
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "List": "a list",
    "Iterable": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "NoneType": "null",
    "Callable": "the name of a class",
}
#: Phrases of parsers, and how to say the same in plain words.
PLAIN = (
    (r"argument subcommand: invalid choice: (.*) \(choose from (.*)\)", r"\1 is not a command: use one of \2"),
    (r'expected "subcommand" to be one of .*', "no command: use one of fit, validate, test, predict"),
    (r"the following arguments are required: \w+\.(model|data)$", r"no \1: give --config, such as a file of configs/"),
    (r"'utf-8' codec can't encode character.*", "it must be text in UTF-8"),
    (r"Expected a <class", "expected <class"),
    (r"File does not exist:", "there is not a file"),
    (r"Exceeds the limit \(\d+ digits\) for integer.*", "a number has too many digits"),
    (r"^argument (--\S+): expected one argument", r"\1 needs a value"),
    (
        r"argument of type '\w+' is not iterable|unhashable type: .*|'\w+' object has no attribute '\w+'",
        "class_path must be the name of a class, and init_args a mapping",
    ),
)
#: A name, or the names that lead to it, as they stand before `is ...` or `: ...`.
NAMED = re.compile(r"^[a-z_]\w*(\.[a-z_]\w*)*( is .*: it must|: )")


def one_line(message: str, known: Sequence[str] = ()) -> str:
    """Join the message's telling lines into one of at most 400 characters that is safe to print.

    Args:
        message: of a parser or another library.
        known: names of the classes that an unknown class may be replaced by.
    """
    lines = [re.sub(r"\s+", " ", line).strip(" -\t") for line in message.splitlines()]
    telling = [line for line in lines if line and not NOISE.match(line)] or [line for line in lines if line]
    telling = [line for line in telling if MISSING.search(line)] or telling
    unknown = [line for line in telling if UNKNOWN_CLASS.search(line)]
    types = [expected for line in telling if line not in unknown and (expected := EXPECTED.match(line))]
    if unknown or types:
        others = [line for line in telling if line not in unknown and not EXPECTED.match(line)]
        nothing = all(expected.group(1) == "<class 'NoneType'>" for expected in types)
        telling = others or (unknown if unknown and (known or nothing) else [_expected(types, message)])
    text = "; ".join(dict.fromkeys(_readable(line, known) for line in telling))
    text = printable(_named(text, message))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _named(text: str, message: str) -> str:
    """The text with the option's name in front."""
    key = re.search(r'[Kk]ey "([\w.]+)"', message)
    if key is None or text.startswith((f"{key.group(1)} ", f"{key.group(1)}:")):
        return text
    text = text.removeprefix(f'Parser key "{key.group(1)}": ')
    if text.startswith("is "):
        field = re.search(r"Given value: NestedArg\(key='([\w.]+)'", message)  # of a tuple with named fields
        if field:
            return f"{key.group(1)}.{field.group(1)} {text.removesuffix(' or null')}"
        return f"{key.group(1)} {text}"
    return f"{key.group(1)}{'.' if NAMED.match(text) else ': '}{text}"


def _expected(types: Sequence[re.Match[str]], message: str) -> str:
    """What a value is, and what it must be."""
    kinds = list(dict.fromkeys(kind for expected in types for kind in _spoken(expected.group(1))))
    wanted = " or ".join(kind for kind in kinds if kind != "null") or "null"
    wanted += " or null" if "null" in kinds and len(kinds) > 1 else ""
    values = [expected.group(2) for expected in types if expected.group(2) is not None]
    given = re.search(r"^\s*Given value: (.*)", message, re.MULTILINE)
    value = values[0] if values else given.group(1) if given and "NestedArg(" not in given.group(1) else None
    return f"it must be {wanted}" if value is None else f"is {_value(value)}: it must be {wanted}"


def _spoken(kind: str) -> list[str]:
    """A type's names, for people."""
    if choices := re.match(r"typing\.Literal\[(.*)\]", kind):
        return [choice.strip(" '") for choice in choices.group(1).split(",")]
    name = re.sub(r"<class '([\w.]+)'>", r"\1", kind)
    name = re.sub(r"\[.*\]", "", name).rpartition(".")[2]
    return [TYPES.get(name, name)]


def _value(value: str) -> str:
    """A value as YAML writes it, in at most 60 characters."""
    if value in ("None", "True", "False", "null"):
        return value.lower().replace("none", "null")
    plain = re.fullmatch(r"[-+]?[\w.]*\d[\w.]*|[\[{(].*|nan|inf|-inf", value)
    value = value if len(value) <= 60 else f"{value[:57]}..."
    return value if plain else repr(value)


def _readable(line: str, known: Sequence[str]) -> str:
    """A line in plain words."""
    if unknown := UNKNOWN_CLASS.search(line):
        name = next(group for group in unknown.groups() if group)
        if unknown["module"]:
            return f"module {name} does not exist: it must be a file in the current folder or on PYTHONPATH"
        return f"{name} is not a known class" + (
            f": it may be {', '.join(known)}, or the import path of another" if known else ""
        )
    if missing := MISSING.search(line):
        return f"{missing[1]} is not installed: pip install {missing[1]}"
    line = line.partition(" HINT: ")[0]
    for pattern, plain in PLAIN:
        line = re.sub(pattern, plain, line)
    return re.sub(r"<class '([\w.]+)'>", lambda name: name.group(1).rpartition(".")[2], line)
