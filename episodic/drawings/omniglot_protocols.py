"""Which of Omniglot's characters are trained on, validated on and tested on.

Choices are made by hash: random generators may change their streams from one release to the next, and a split must
not. Characters are named by their place among those of the background alphabets followed by those of the evaluation
alphabets.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from episodic.errors import require

#: What says how much of the data validates.
HELD_OUT_BY = {"lake": "validation_alphabets", "vinyals": "validation_classes"}
PROTOCOLS = tuple(HELD_OUT_BY)
VALIDATION_ALPHABETS = 5
#: Vinyals et al. 2016: 1,200 of the 1,623 characters to learn from. Of these the last 100 validate here.
ALL, LEARNT, VALIDATED = 1623, 1200, 100


class ClassSplit(NamedTuple):
    """Indices of characters: no two of the lists share one, each is in ascending order."""

    train: list[int]
    val: list[int]
    test: list[int]


def alphabet_of(name: str) -> str:
    """`Latin/character01` -> `Latin`."""
    return name.split("/")[0]


def lake_split(
    background: Sequence[str], evaluation: Sequence[str], validation_alphabets: int | None, seed: int
) -> ClassSplit:
    """Train on the background characters but for some whole alphabets, test on the evaluation characters.

    Lake, Salakhutdinov & Tenenbaum 2015 (Science 350). Differs from the paper: background alphabets, drawn by the
    seed, are held out for validation; None takes 5.

    Raises:
        InputError: no alphabet would be left to train on.
    """
    alphabets = list(dict.fromkeys(map(alphabet_of, background)))
    count = VALIDATION_ALPHABETS if validation_alphabets is None else validation_alphabets
    require(
        0 < count < len(alphabets),
        f"validation_alphabets is {count}: it has to lie between 1 and {len(alphabets) - 1}: "
        f"there are {len(alphabets)} background alphabets",
    )
    held_out = {alphabets[index] for index in permuted(alphabets, seed)[:count]}
    owner = [alphabet_of(name) in held_out for name in background]
    train, val = ([index for index, held in enumerate(owner) if held is wanted] for wanted in (False, True))
    first = len(background)
    return ClassSplit(train, val, list(range(first, first + len(evaluation))))


def vinyals_split(names: Sequence[str], validation_classes: int | None, seed: int) -> ClassSplit:
    """Characters of all alphabets in an order by the seed: 1,100 train, the next 100 validate, the last 423 test.

    Vinyals et al. 2016 (arXiv 1606.04080). Differs from the paper: the last 100 of its 1,200 validate; and which
    characters these are it does not say. Where there are more or fewer than 1,623, the shares are the same.

    Args:
        names: of all characters.
        validation_classes: how many validate; None takes a twelfth of those that are not for the test.
        seed: of the order.

    Raises:
        InputError: no character would be left to train on.
    """
    learnt = len(names) * LEARNT // ALL
    held_out = max(1, learnt * VALIDATED // LEARNT) if validation_classes is None else validation_classes
    require(
        0 < held_out < learnt,
        f"validation_classes is {held_out}: it has to lie between 1 and {learnt - 1}: "
        f"{learnt} of the {len(names)} classes are for training and validation",
    )
    order = permuted(names, seed)
    return ClassSplit(
        sorted(order[: learnt - held_out]), sorted(order[learnt - held_out : learnt]), sorted(order[learnt:])
    )


def within_alphabets(chosen: Sequence[int], names: Sequence[str], alphabets: Sequence[str]) -> list[int]:
    """Those of the `chosen` characters that belong to the `alphabets`.

    Raises:
        InputError: no alphabets, or one that has no character among those chosen.
    """
    known = sorted({alphabet_of(names[index]) for index in chosen})
    require(bool(alphabets), f"alphabets is empty: name some of {', '.join(known)}; null trains on all")
    for alphabet in alphabets:
        require(alphabet in known, f"alphabets holds {alphabet!r}: the training alphabets are {', '.join(known)}")
    return [index for index in chosen if alphabet_of(names[index]) in alphabets]


def first_classes(chosen: Sequence[int], names: Sequence[str], count: int, seed: int) -> list[int]:
    """The first `count` of the `chosen` characters in an order by the seed: a larger number adds to a smaller one's.

    Raises:
        InputError: there are fewer.
    """
    require(
        0 < count <= len(chosen),
        f"classes is {count}: it has to lie between 1 and {len(chosen)}, the number of training classes",
    )
    order = permuted([names[index] for index in chosen], seed)
    return sorted(chosen[place] for place in order[:count])


def permuted(names: Sequence[str], seed: int) -> list[int]:
    """Indices of the names, in the order of the names' hashes with the seed."""
    return sorted(range(len(names)), key=lambda index: hashlib.sha256(f"{seed}/{names[index]}".encode()).digest())
