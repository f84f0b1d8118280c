"""The split of Omniglot's characters that prototypical networks and later few-shot studies share."""

from collections.abc import Sequence
from dataclasses import dataclass

from episodic.drawings.omniglot.class_split import ClassSplit, alphabet_of
from episodic.drawings.omniglot.protocols import SplitProtocol
from episodic.errors import require, require_positive

#: The alphabets of the list that are not for training, those for validation with the smallest first.
VALIDATION = ("Early_Aramaic", "Hebrew", "Armenian", "Mkhedruli_(Georgian)", "Bengali")
TEST = (
    "Kannada", "Keble", "Malayalam", "Manipuri", "Mongolian", "Old_Church_Slavonic_(Cyrillic)", "Oriya", "Sylheti",
    "Syriac_(Serto)", "Tengwar", "Tibetan", "ULOG",
)  # fmt: skip
#: The list cuts this alphabet in two: 41 characters train, 4 are in the test.
TEST_CHARACTERS = tuple(f"Gurmukhi/character{number}" for number in (42, 43, 44, 45))


@dataclass(frozen=True)
class ListedVinyalsProtocol(SplitProtocol):
    """Split the characters by the list that few-shot studies share: 1,200 for training and validation, 423 for test.

    Snell, Swersky & Zemel 2017, "Prototypical Networks for Few-shot Learning", arXiv 1703.05175, published it with
    their code as the split of Vinyals et al. 2016. It assigns whole alphabets, except that Gurmukhi is cut in two.

    Args:
        validation_alphabets: Validation alphabets of the list that are held out, the smallest first; the rest train.
            5, all of them, leave 1,028 characters for training; 1 leaves 1,178.
        seed: Seed of the order of the first training classes.
        alphabets: Train on these alphabets only; None is all.
        classes: Train on this many classes only, the first in an order by `seed`; None is all.

    Raises:
        InputError: A number is out of range; `split` raises it if the characters are not Omniglot's.

    >>> names = [f"{alphabet}/character01" for alphabet in (*TEST, "Greek", *VALIDATION)] + list(TEST_CHARACTERS)
    >>> ListedVinyalsProtocol(validation_alphabets=1).split(names, []).val
    [13]
    """

    validation_alphabets: int = 5
    seed: int = 0
    alphabets: list[str] | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        count = self.validation_alphabets
        require(0 < count <= len(VALIDATION), f"validation_alphabets is {count}: it must be 1 to {len(VALIDATION)}")
        if self.classes is not None:
            require_positive(classes=self.classes)

    def split_all(self, background: Sequence[str], evaluation: Sequence[str]) -> ClassSplit:
        names = [*background, *evaluation]
        listed = {name: alphabet_of(name) in TEST or name in TEST_CHARACTERS for name in names}
        missing = {*VALIDATION, *TEST, *TEST_CHARACTERS} - {*names, *map(alphabet_of, names)}
        require(not missing, f"the drawings have no {min(missing, default='')}: ListedVinyalsProtocol needs Omniglot's")
        held = VALIDATION[: self.validation_alphabets]
        test = [index for index, name in enumerate(names) if listed[name]]
        val = [index for index, name in enumerate(names) if alphabet_of(name) in held]
        rest = {*test, *val}
        return ClassSplit([index for index in range(len(names)) if index not in rest], val, test)
