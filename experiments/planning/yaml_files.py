"""Files of experiments: YAML that is read into typed dataclasses."""

from pathlib import Path
from reprlib import repr as shortened
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser

from episodic.errors import InputError, require

Content = TypeVar("Content")
#: The value of an option.
Scalar = str | int | float | bool | None


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that occurs twice; plain YAML would silently drop the first one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        assert node is not None
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for position, key in enumerate(keys):
            line = node.value[position][0].start_mark.line + 1
            require(key not in keys[:position], f"key {key[1]!r} occurs twice (again in line {line})")
        return node


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        InputError: there is no such file, it is not UTF-8 or YAML, or a mapping has a key twice.
    """
    require(path.is_file(), f"{path} does not exist: it must be a YAML file")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or an impossible date
        raise InputError(f"{path} is not YAML: {_one_line(error)}") from error


def typed(content: Any, kind: type[Content]) -> Content:
    """Return a file's content as a dataclass.

    Raises:
        InputError: a key is unknown or missing, or a value has the wrong type.
    """
    require(isinstance(content, dict), f"it holds {shortened(content)}: it must be a mapping")
    for key in content:
        require(isinstance(key, str), f"key {key!r} must be text")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "file")
    try:
        return parser.instantiate(parser.parse_object({"file": content})).file
    except Exception as error:  # of argparse, jsonargparse or the dataclass, by what is wrong
        raise InputError(_one_line(error).replace("Group 'file'", "the file").replace("file.", "")) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
