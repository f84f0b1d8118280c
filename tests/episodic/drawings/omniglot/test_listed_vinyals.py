"""The published list of characters."""

from typing import Any

import pytest

from episodic.drawings.omniglot.class_split import alphabet_of
from episodic.drawings.omniglot.listed_vinyals import TEST, TEST_CHARACTERS, VALIDATION, ListedVinyalsProtocol
from episodic.errors import InputError

#: Characters of each alphabet in Omniglot: those of the list, and 33 of which only the sum matters.
COUNTS = {
    "Early_Aramaic": 22, "Hebrew": 22, "Armenian": 41, "Mkhedruli_(Georgian)": 41, "Bengali": 46, "Kannada": 41,
    "Keble": 26, "Malayalam": 47, "Manipuri": 40, "Mongolian": 30, "Old_Church_Slavonic_(Cyrillic)": 45, "Oriya": 46,
    "Sylheti": 28, "Syriac_(Serto)": 23, "Tengwar": 25, "Tibetan": 42, "ULOG": 26, "Gurmukhi": 45, "Others": 987,
}  # fmt: skip
NAMES = [f"{alphabet}/character{number + 1:02d}" for alphabet, count in COUNTS.items() for number in range(count)]


def test_official_numbers_give_the_published_shares() -> None:
    assert len(NAMES) == 1623
    for alphabets, counts in ((1, [1178, 22, 423]), (5, [1028, 172, 423])):
        parts = ListedVinyalsProtocol(alphabets).split(NAMES[:964], NAMES[964:])
        assert [len(part) for part in parts] == counts
        assert sorted(index for part in parts for index in part) == list(range(1623))


def test_the_test_has_whole_alphabets_and_the_end_of_one() -> None:
    parts = ListedVinyalsProtocol().split(NAMES[:964], NAMES[964:])
    assert {alphabet_of(NAMES[index]) for index in parts.val} == set(VALIDATION)
    tested = {NAMES[index] for index in parts.test}
    assert {alphabet_of(name) for name in tested} == {*TEST, "Gurmukhi"}
    assert {name for name in tested if name.startswith("Gurmukhi")} == set(TEST_CHARACTERS)
    assert ListedVinyalsProtocol(classes=7).split(NAMES, []).test == ListedVinyalsProtocol(seed=3).split(NAMES, []).test


@pytest.mark.parametrize("settings", [{"validation_alphabets": 0}, {"validation_alphabets": 6}, {"classes": 0}])
def test_bad_settings_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(settings))} is ") as error:
        ListedVinyalsProtocol(**settings)
    assert "\n" not in str(error.value)


def test_other_characters_are_refused() -> None:
    with pytest.raises(InputError, match="the drawings have no Armenian: ListedVinyalsProtocol needs Omniglot's"):
        ListedVinyalsProtocol().split([name for name in NAMES if not name.startswith("Armenian")], [])
