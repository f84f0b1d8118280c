"""Splits of characters: pinned, disjoint, and restricted as the settings say."""

from typing import Any

import pytest

from episodic.drawings.omniglot.class_split import ClassSplit, alphabet_of
from episodic.drawings.omniglot.protocols import LakeProtocol, SplitProtocol, VinyalsProtocol
from episodic.errors import InputError

BACKGROUND = [
    f"{name}/character{number:02d}"
    for name in ("Anglic", "Borean", "Cimric", "Doric", "Elamic", "Faroic")
    for number in range(1, 5)
]
EVALUATION = [f"{name}/character{number:02d}" for name in ("Gaulic", "Hunnic", "Istrian") for number in range(1, 5)]
NAMES = [*BACKGROUND, *EVALUATION]


def split(protocol: SplitProtocol) -> ClassSplit:
    return protocol.split(BACKGROUND, EVALUATION)


def lake(**settings: Any) -> ClassSplit:
    return split(LakeProtocol(**{"validation_alphabets": 2, **settings}))


def vinyals(**settings: Any) -> ClassSplit:
    return split(VinyalsProtocol(**settings))


def alphabets(characters: list[int]) -> list[str]:
    return list(dict.fromkeys(alphabet_of(NAMES[index]) for index in characters))


def test_lake_holds_out_whole_alphabets() -> None:
    parts = lake()
    assert [len(part) for part in parts] == [16, 8, 12]
    assert sorted(index for part in parts for index in part) == list(range(36))
    assert [len(alphabets(part)) for part in parts] == [4, 2, 3]
    assert alphabets(parts.test) == ["Gaulic", "Hunnic", "Istrian"]
    assert len(alphabets(split(LakeProtocol()).val)) == 5


def test_the_lake_split_is_pinned() -> None:
    # By hand: for n in Anglic Borean ...; do printf "1/$n" | sha256sum; done, and the two smallest. Seed 1, since
    # seed 0 happens to hold out the first two names, as a split that forgot its seed would.
    parts = lake(seed=1, classes=2)
    assert alphabets(parts.val) == ["Elamic", "Faroic"]
    assert [NAMES[index] for index in parts.train] == ["Borean/character03", "Doric/character01"]
    assert len({tuple(lake(seed=seed).val) for seed in range(6)}) > 1


def test_vinyals_splits_all_characters() -> None:
    parts = vinyals()
    assert [len(part) for part in parts] == [24, 2, 10]  # 36 characters in the shares of 1,100, 100 and 423
    assert sorted(index for part in parts for index in part) == list(range(36))
    assert len(vinyals(validation_classes=6).val) == 6


def test_the_vinyals_split_is_pinned() -> None:
    # As for lake, of 1/<alphabet>/<character>: the 25th and 26th smallest.
    parts = vinyals(seed=1)
    assert [NAMES[index] for index in parts.val] == ["Cimric/character02", "Cimric/character03"]
    assert "Elamic/character01" in [NAMES[index] for index in parts.test]
    assert vinyals(seed=2).val != parts.val


def test_official_numbers_give_the_published_shares() -> None:
    names = [f"Alphabet{number // 40}/character{number % 40}" for number in range(1623)]
    for validation_classes, counts in ((None, [1100, 100, 423]), (200, [1000, 200, 423])):
        parts = VinyalsProtocol(validation_classes).split(names[:964], names[964:])
        assert [len(part) for part in parts] == counts


def test_fewer_classes_are_part_of_more() -> None:
    some, more, every = (set(lake(classes=count).train) for count in (3, 9, None))
    assert (len(some), len(more), len(every)) == (3, 9, 16)
    assert some < more < every
    assert len(lake(classes=3).val) == 8


@pytest.mark.parametrize("rule", [lake, vinyals])
def test_training_on_some_alphabets_changes_nothing_else(rule: Any) -> None:
    every = rule()
    chosen = alphabets(every.train)[1:3]
    some = rule(alphabets=chosen[::-1])
    assert some.train == [index for index in every.train if alphabet_of(NAMES[index]) in chosen]
    assert (some.val, some.test) == (every.val, every.test)


@pytest.mark.parametrize(
    ("rule", "settings", "message"),
    [
        (lake, {"classes": 17}, "classes is 17: it must lie between 1 and 16"),
        (lake, {"classes": 0}, "classes is 0"),
        (lake, {"validation_alphabets": 6}, "validation_alphabets is 6: it must lie between 1 and 5"),
        (lake, {"validation_alphabets": 0}, "validation_alphabets is 0"),
        (lake, {"alphabets": ["Klingon"]}, "alphabets holds 'Klingon': the training alphabets are Cimric, "),
        (lake, {"alphabets": ["Gaulic"]}, "alphabets holds 'Gaulic'"),  # of the test
        (lake, {"alphabets": []}, "alphabets is empty"),
        (lake, {"alphabets": ["Doric"], "classes": 5}, "classes is 5: it must lie between 1 and 4"),
        (vinyals, {"validation_classes": 26}, "validation_classes is 26: it must lie between 1 and 25"),
        (vinyals, {"validation_classes": 0}, "validation_classes is 0"),
        (vinyals, {"classes": 25}, "classes is 25: it must lie between 1 and 24"),
    ],
)
def test_bad_settings_are_named(rule: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        rule(**settings)
    assert "\n" not in str(error.value)
