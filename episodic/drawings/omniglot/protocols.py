"""Omniglot's protocols: the published ways to split its characters into training, validation and test."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from episodic.drawings.omniglot.class_split import (
    ClassSplit,
    alphabet_of,
    first_classes,
    hash_order,
    within_alphabets,
)
from episodic.errors import require, require_positive

#: Vinyals et al. 2016 learn from 1,200 of the 1,623 characters. The last 100 of these validate here.
ALL, LEARNT, VALIDATED = 1623, 1200, 100


class SplitProtocol(ABC):
    """A rule that splits Omniglot's characters.

    A subclass implements `split_all`; `split` then applies `alphabets` and `classes` to the training characters.
    Splits depend on `seed`, never on the run's seed.
    """

    seed: int
    alphabets: list[str] | None
    classes: int | None

    @abstractmethod
    def split_all(self, background: Sequence[str], evaluation: Sequence[str]) -> ClassSplit:
        """Split all characters, given the names of the background and of the evaluation characters."""

    def split(self, background: Sequence[str], evaluation: Sequence[str]) -> ClassSplit:
        """Split the characters and restrict the training to `alphabets` and `classes`.

        Args:
            background: Names of the background characters, such as `Latin/character01`.
            evaluation: Names of the evaluation characters.

        Raises:
            InputError: No character would be left to train on; an alphabet is not among the training alphabets.
        """
        names = [*background, *evaluation]
        split = self.split_all(background, evaluation)
        train = split.train
        if self.alphabets is not None:
            train = within_alphabets(train, names, self.alphabets)
        if self.classes is not None:
            train = first_classes(train, names, self.classes, self.seed)
        return split._replace(train=train)


@dataclass(frozen=True)
class LakeProtocol(SplitProtocol):
    """Train on the background alphabets except for a few that validate; test on the evaluation alphabets.

    Lake, Salakhutdinov & Tenenbaum 2015, Science 350. Differs from the paper: whole background alphabets, chosen by
    `seed`, are held out for validation.

    Args:
        validation_alphabets: Background alphabets that are held out.
        seed: Seed of the choice of the validation alphabets and of the first training classes.
        alphabets: Train on these alphabets only; None is all.
        classes: Train on this many classes only, the first in an order by `seed`; None is all.

    Raises:
        InputError: A number is not positive.

    >>> LakeProtocol(validation_alphabets=1, seed=1).split(["A/1", "A/2", "B/1"], ["C/1"])
    ClassSplit(train=[0, 1], val=[2], test=[3])
    """

    validation_alphabets: int = 5
    seed: int = 0
    alphabets: list[str] | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        _require_given_positive(validation_alphabets=self.validation_alphabets, classes=self.classes)

    def split_all(self, background: Sequence[str], evaluation: Sequence[str]) -> ClassSplit:
        alphabets = list(dict.fromkeys(map(alphabet_of, background)))
        count = self.validation_alphabets
        require(
            0 < count < len(alphabets),
            f"validation_alphabets is {count}: it must lie between 1 and {len(alphabets) - 1}: "
            f"there are {len(alphabets)} background alphabets",
        )
        validating = {alphabets[index] for index in hash_order(alphabets, self.seed)[:count]}
        held = [alphabet_of(name) in validating for name in background]
        train, val = ([index for index, out in enumerate(held) if out is wanted] for wanted in (False, True))
        first = len(background)
        return ClassSplit(train, val, list(range(first, first + len(evaluation))))


@dataclass(frozen=True)
class VinyalsProtocol(SplitProtocol):
    """Split the characters of all alphabets: 1,100 train, 100 validate, 423 test.

    Vinyals et al. 2016, "Matching Networks for One Shot Learning", arXiv 1606.04080. Differs from the paper: the last
    100 of its 1,200 training characters validate; `seed` orders the characters, since the paper does not list them.
    The shares stay the same if there are not 1,623 characters.

    Args:
        validation_classes: Characters that validate; None is a twelfth of those that are not in the test.
        seed: Seed of the order of the characters.
        alphabets: Train on these alphabets only; None is all.
        classes: Train on this many classes only, the first in an order by `seed`; None is all.

    Raises:
        InputError: A number is not positive.

    >>> VinyalsProtocol(validation_classes=1, seed=1).split(["A/1", "A/2", "B/1"], ["C/1", "C/2"])
    ClassSplit(train=[1, 3], val=[4], test=[0, 2])
    """

    validation_classes: int | None = None
    seed: int = 0
    alphabets: list[str] | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        _require_given_positive(validation_classes=self.validation_classes, classes=self.classes)

    def split_all(self, background: Sequence[str], evaluation: Sequence[str]) -> ClassSplit:
        names = [*background, *evaluation]
        learnt = len(names) * LEARNT // ALL
        default = max(1, learnt * VALIDATED // LEARNT)
        validating = default if self.validation_classes is None else self.validation_classes
        require(
            0 < validating < learnt,
            f"validation_classes is {validating}: it must lie between 1 and {learnt - 1}: "
            f"{learnt} of the {len(names)} classes are for training and validation",
        )
        order = hash_order(names, self.seed)
        train, val, test = order[: learnt - validating], order[learnt - validating : learnt], order[learnt:]
        return ClassSplit(sorted(train), sorted(val), sorted(test))


def _require_given_positive(**numbers: int | None) -> None:
    require_positive(**{name: number for name, number in numbers.items() if number is not None})
