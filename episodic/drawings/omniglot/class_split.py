"""The characters that train, validate and test, chosen by a hash.

Random generators may change their streams from one release to the next, and a split must not. Characters are
identified by their index in the list of all background characters followed by all evaluation characters.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from episodic.errors import require


class ClassSplit(NamedTuple):
    """Indices of characters, each list in ascending order; no two lists share a character."""

    train: list[int]
    val: list[int]
    test: list[int]


def alphabet_of(name: str) -> str:
    """Return the alphabet of a character.

    >>> alphabet_of("Latin/character01")
    'Latin'
    """
    return name.split("/")[0]


def hash_order(names: Sequence[str], seed: int) -> list[int]:
    """Return the indices of the names, ordered by the hash of seed and name.

    >>> hash_order(["a", "b", "c", "d"], seed=1)
    [3, 0, 1, 2]
    """
    return sorted(range(len(names)), key=lambda index: hashlib.sha256(f"{seed}/{names[index]}".encode()).digest())


def within_alphabets(chosen: Sequence[int], names: Sequence[str], alphabets: Sequence[str]) -> list[int]:
    """Keep the `chosen` characters that belong to `alphabets`.

    Raises:
        InputError: `alphabets` is empty or holds an alphabet without a chosen character.

    >>> within_alphabets([0, 1, 2], ["A/1", "B/1", "B/2"], ["B"])
    [1, 2]
    """
    known = sorted({alphabet_of(names[index]) for index in chosen})
    require(bool(alphabets), f"alphabets is empty: name some of {', '.join(known)}; null trains on all")
    for alphabet in alphabets:
        require(alphabet in known, f"alphabets holds {alphabet!r}: the training alphabets are {', '.join(known)}")
    return [index for index in chosen if alphabet_of(names[index]) in alphabets]


def first_classes(chosen: Sequence[int], names: Sequence[str], count: int, seed: int) -> list[int]:
    """Keep the first `count` of the `chosen` characters in hash order, so that a larger count adds to a smaller one.

    Raises:
        InputError: `count` is not between 1 and the number of chosen characters.

    >>> first_classes([0, 1, 2, 3], ["a", "b", "c", "d"], 2, seed=1)
    [0, 3]
    """
    require(
        0 < count <= len(chosen),
        f"classes is {count}: it must lie between 1 and {len(chosen)}, the number of training classes",
    )
    order = hash_order([names[index] for index in chosen], seed)
    return sorted(chosen[position] for position in order[:count])
