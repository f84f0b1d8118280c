"""YAML in which a key that stands twice is a mistake, instead of the loss of the first one."""

from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

#: Depth of nested mappings and lists; deeper ones would exhaust Python's stack.
DEEPEST = 60
_LOAD = get_loader("yaml")


class BadYAML(yaml.YAMLError):
    """Report a text that is YAML, but cannot be meant."""


def check_text(text: str) -> None:
    """Raise `BadYAML` for a key that stands twice, too many levels, or a value that contains itself.

    >>> check_text("run: {name: x}\\nrun: {name: y}")
    Traceback (most recent call last):
    launcher.errors.yaml_text.BadYAML: key 'run' stands twice (again in line 2)
    """
    levels: list[tuple[str | None, set[str] | None]] = []  # of each open mapping or list: its anchor, its keys
    expects_key: list[bool] = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        is_key = bool(expects_key) and expects_key[-1]
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop(), expects_key.pop()
        elif isinstance(event, yaml.NodeEvent):
            keys = levels[-1][1] if levels else None
            if isinstance(event, yaml.ScalarEvent) and is_key and keys is not None:
                if event.value in keys and event.value != "<<":
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    raise BadYAML(f"key {event.value!r} stands twice (again in line {line})")
                keys.add(event.value)
            if isinstance(event, yaml.AliasEvent) and event.anchor in [anchor for anchor, _ in levels]:
                raise BadYAML(f"*{event.anchor} stands within &{event.anchor}: a value cannot contain itself")
            if expects_key and levels[-1][1] is not None:
                expects_key[-1] = not is_key
            if isinstance(event, yaml.CollectionStartEvent):
                mapping = isinstance(event, yaml.MappingStartEvent)
                levels.append((event.anchor, set() if mapping else None))
                expects_key.append(mapping)
                if len(levels) > DEEPEST:
                    raise BadYAML(f"more than {DEEPEST} mappings and lists in each other")


def load_text(text: str) -> Any:
    """Read a value or a config as jsonargparse does, after `check_text`."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BadYAML("it is not text in UTF-8")
    if any(character in text for character in "{[&*\n"):
        check_text(text)
    return _LOAD(text)


def refuse_bad_yaml() -> None:
    """Have all parsers read their values and configs by `load_text`."""
    set_loader("yaml", load_text, exceptions=(yaml.YAMLError,))
