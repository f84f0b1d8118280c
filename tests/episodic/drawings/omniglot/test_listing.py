"""The content of a part is listed in a sorted order and counted."""

import random
from pathlib import Path

import pytest

from episodic.drawings.omniglot.loading import load_part
from episodic.errors import InputError
from tests.drawing_roots import Entries, assert_equal, extracted, load, one_line, rewritten


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no images_evaluation\.zip"):
        load(tmp_path, tmp_path / "cache", "evaluation")


def test_official_counts_are_asked_for(generated_omniglot: Path, tmp_path: Path) -> None:
    for part, found, wanted in (
        ("background", "24 classes in 6 alphabets", "964 classes in 30 alphabets"),
        ("evaluation", "12 classes in 3 alphabets", "659 classes in 20 alphabets"),
    ):
        with pytest.raises(InputError, match=f"{part}.* holds {found}.*{wanted}") as error:
            load_part(generated_omniglot, part, cache_dir=str(tmp_path))
        one_line(error)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("/Doric/character02/0014_07", "19 drawings of Doric/character02: .* must hold 20 of each"),
        ("/Doric/character02/", "23 classes in 6 alphabets"),
        ("/Doric/", "20 classes in 5 alphabets"),
        ("/", r"holds no <alphabet>/<character>/<drawing>\.png"),
    ],
)
def test_losses_are_counted(generated_omniglot: Path, tmp_path: Path, lost: str, message: str) -> None:
    def change(entries: Entries) -> Entries:
        return [(name, data) for name, data in entries if lost not in name]

    root = rewritten(generated_omniglot, tmp_path / "root", change)
    with pytest.raises(InputError, match=message) as error:
        load(root, tmp_path / "cache")
    one_line(error)


def test_the_order_of_entries_means_nothing(generated_omniglot: Path, tmp_path: Path) -> None:
    def change(entries: Entries) -> Entries:
        random.Random(0).shuffle(entries)
        # A folder's own entry, and what other systems add to archives: none of them is a drawing.
        names = [
            "images_background/Anglic/",
            "__MACOSX/Anglic/character01/0001_21.png",
            "images_background/x.png",
            "images_background/Anglic/x.png",
            "images_background/Anglic/character01/more/x.png",
        ]
        return [*((name, b"") for name in names), *entries]

    root = rewritten(generated_omniglot, tmp_path / "root", change)
    assert_equal(load(root, tmp_path / "a"), load(generated_omniglot, tmp_path / "b"))


def test_a_folder_is_preferred_to_an_archive(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    (root / "omniglot-py/images_background.zip").write_bytes(b"not looked at")
    assert len(load(root, tmp_path / "cache").labels) == 480
