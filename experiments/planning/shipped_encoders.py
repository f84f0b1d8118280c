"""Which shipped encoders a run begins with: their content is a part of what the run is."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from episodic.checkpoints import shipped_embedders


def shipped_digests(content: Any) -> list[tuple[str, str]]:
    """Return the name and the digest of each shipped encoder that is named anywhere in a config's content.

    >>> [name for name, _ in shipped_digests({"warm_start": {"drawings": "omniglot_encoder"}, "seed": 1})]
    ['omniglot_encoder']
    """
    words = {word for text in _texts(content) for word in re.findall(r"\w+", text)}
    return [(name, _digest(path)) for name, path in shipped_embedders().items() if name in words]


def _texts(content: Any) -> Iterator[str]:
    """All texts in nested mappings and sequences, except keys."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, Sequence):
        for value in content:
            yield from _texts(value)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
