"""The `config.yaml` of a run, read as plain data within limits."""

import os
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from episodic.errors import InputError, require

#: Limits of a run's config; those that runs write have about 5 kB, 200 values and 8 levels.
LARGEST, DEEPEST, MOST_VALUES = 1_000_000, 40, 20_000


def read_run_config(path: Path) -> dict[str, Any]:
    """Read a run's config as the command line reads it.

    Raises:
        InputError: the file is missing, damaged, no mapping, too large, or nested too deeply; or its anchors multiply
            it or refer to themselves.
    """
    require(os.path.isfile(path), f"{path} does not exist, or is not a file")
    require(path.stat().st_size <= LARGEST, f"{path} is not a run's configuration: it is larger than {LARGEST:,} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        _check_depth(path, text)
        config = get_loader("yaml")(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read: it is damaged") from error
    require(isinstance(config, dict), f"{path} is not a run's configuration: it is not a mapping of options")
    require(
        _size(config, {}) <= MOST_VALUES, f"{path} is not a run's configuration: it has over {MOST_VALUES:,} values"
    )
    return dict(config)


def _check_depth(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        require(depth <= DEEPEST, f"{path} is not a run's configuration: it is nested over {DEEPEST} levels deep")


def _size(value: Any, sizes: dict[int, int]) -> int:
    """Count the values after all anchors are written out; one that contains itself counts as too many."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = MOST_VALUES + 1  # seen again before it is counted, it contains itself
        parts = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_size(part, sizes) for part in parts)
    return sizes[id(value)]
