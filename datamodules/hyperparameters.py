"""Hyperparameters as plain data, so that a checkpoint holds nothing but tensors and plain data."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

PLAIN = (bool, int, float, str, list, tuple, dict)


def plain_settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a constructor's `locals()` to plain data: each part becomes its class and settings, or its `repr`.

    >>> from datamodules.pseudo_labels import Clustering
    >>> plain_settings({"self": None, "batch_size": 8, "clustering": Clustering(clusters=3)})["clustering"]["init_args"]
    {'method': 'k_means', 'clusters': 3, 'fuzziness': 1.2, 'seed': 0}
    """
    settings = {name: value for name, value in arguments.items() if name not in ("self", "__class__")}
    return {name: _plain(value) for name, value in settings.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": asdict(value)}
    return value if value is None or isinstance(value, PLAIN) else repr(value)
