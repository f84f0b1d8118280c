"""Long messages of libraries, cut down to the one line that tells the user what to mend."""

import importlib
import re

from episodic.errors import printable
from launcher.known_classes import descendants, is_own

LONGEST = 400
#: What a parser says of its own doings, which nobody can act on.
NOISE = re.compile(
    r"^(usage:|tip:|Parser key|Problem with given|Does not validate|Subtypes:|Errors:|Given value|"
    r"Expected a <class 'NoneType'>|Expected a path but)"
)
#: What libraries say of a package that is not installed.
MISSING = re.compile(r"(?:Requirement|Module not found:) '([\w-]+)[^']*'")
UNKNOWN_CLASS = re.compile(
    r"Expected a dot import path string: (\S+)|Unexpected import path format: (\S+)|No module named '?(\S+?)'?$"
)


def one_line(message: str) -> str:
    """The message's telling lines, joined into one of at most 400 characters."""
    lines = [re.sub(r"\s+", " ", line).strip(" -\t") for line in message.splitlines()]
    telling = [line for line in lines if line and not NOISE.match(line)] or [line for line in lines if line]
    telling = [line for line in telling if MISSING.search(line)] or telling
    telling = [_readable(line, message) for line in telling]
    text = printable("; ".join(dict.fromkeys(telling)))
    key = re.search(r'[Kk]ey "([\w.]+)"', message)
    if key and not text.startswith(("Parser", key.group(1))):
        text = f"{key.group(1)}: {text}"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _readable(line: str, message: str) -> str:
    if found := UNKNOWN_CLASS.search(line):
        known = ", ".join(_classes_for(message))
        name = next(group for group in found.groups() if group)
        return f"{name} is no known class" + (f": it may be {known}, or the import path of another" if known else "")
    if missing := MISSING.search(line):
        return f"{missing[1]} is not installed: pip install {missing[1]}"
    line = line.partition(" HINT: ")[0]
    if line.endswith("is not accepted") or (line.startswith("unrecognized arguments") and "--help" not in line):
        return f"{line} (--help lists the options, --model.help CLASS those of a class)"
    line = line.replace("Expected a <class", "expected <class")
    return re.sub(r"<class '([\w.]+)'>", lambda found: found.group(1).rpartition(".")[2], line)


def _classes_for(message: str) -> list[str]:
    """Names of the project's own classes that could stand where the innermost complaint is about."""
    bases = re.findall(r"Subtypes: \[(?:<class '([\w.]+)'>|[\w.]*Callable\[.*?, ([\w.]+)\])", message)
    if not bases:
        return []
    module, _, name = next(part for part in bases[-1] if part).rpartition(".")
    base = getattr(importlib.import_module(module), name)
    classes = {base, *descendants(base)}
    return sorted(c.__name__ for c in classes if is_own(c) and not getattr(c, "__abstractmethods__", None))
