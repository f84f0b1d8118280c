"""YAML in which a key that stands twice is a mistake instead of the loss of the first one."""

from pathlib import Path
from typing import Any

import yaml

from episodic.errors import InputError, require


class _UniqueKeyLoader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        assert node is not None
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for position, key in enumerate(keys):
            line = node.value[position][0].start_mark.line + 1
            require(key not in keys[:position], f"key {key[1]!r} stands twice (again in line {line})")
        return node


def read_yaml(text: str) -> Any:
    """What a YAML text holds.

    Raises:
        InputError: it is no YAML, or a mapping has the same key twice.
    """
    try:
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except InputError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # the latter: such as a date that there is not
        raise InputError(f"it is no YAML: {' '.join(str(error).split())}") from error


def read_yaml_file(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        InputError: it is no UTF-8, or see `read_yaml`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"it is no UTF-8: {error}") from error
    return read_yaml(text)
