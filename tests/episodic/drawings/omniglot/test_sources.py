"""Generated drawings as a source: made once, whole or not at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.omniglot import sources
from episodic.drawings.omniglot.listing import OFFICIAL
from episodic.drawings.omniglot.protocols import LakeProtocol
from episodic.drawings.omniglot.sources import GeneratedDrawings
from episodic.drawings.omniglot.splits import DrawingSplits, OmniglotSplits
from episodic.errors import InputError

FEW = GeneratedDrawings(
    background_alphabets=3, background_characters=7, evaluation_alphabets=2, evaluation_characters=4, drawers=4
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set in reach, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMNIGLOT_ROOT", str(tmp_path / "nothing"))
    monkeypatch.setattr("episodic.drawings.omniglot.root._download", lambda root: pytest.fail("started a download"))


def load(cache: Path, drawings: GeneratedDrawings = FEW) -> DrawingSplits:
    return OmniglotSplits(drawings=drawings, protocol=LakeProtocol(1), cache_dir=str(cache)).load()


def test_it_holds_the_requested_numbers(tmp_path: Path) -> None:
    parts = load(tmp_path)
    assert sorted(name for part in parts for name in part.alphabet_names) == [
        *("background01", "background02", "background03"),
        *("evaluation01", "evaluation02"),
    ]
    assert len(parts.train.class_names) + len(parts.val.class_names) == 7
    assert parts.test.class_names == [f"evaluation0{n}/character0{m}" for n in (1, 2) for m in (1, 2)]
    for part in parts:
        assert part.labels.bincount().tolist() == [4] * len(part.class_names)


def test_it_is_as_large_as_omniglot_by_default() -> None:
    drawings = GeneratedDrawings()
    for part, alphabets in (("background", drawings.background), ("evaluation", drawings.evaluation)):
        official = OFFICIAL[part]
        assert (len(alphabets), sum(alphabets.values())) == (official.alphabets, official.classes)
        assert max(alphabets.values()) - min(alphabets.values()) <= 1
        assert drawings.drawers == official.drawings


def test_it_is_generated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = FEW.find(cache_dir=str(tmp_path))
    monkeypatch.setattr(sources, "generate_omniglot", lambda *_, **__: pytest.fail("generated again"))
    assert FEW.find(cache_dir=str(tmp_path)) == folder
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"drawers": 5},
        {"background_characters": 8},
        {"evaluation_characters": 5},
        {"background_alphabets": 4},
        {"evaluation_alphabets": 3},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_numbers_are_another_data_set(changes: dict[str, Any]) -> None:
    assert replace(FEW, **changes).folder("cache") != FEW.folder("cache")


def test_the_folders_name_is_pinned() -> None:
    assert FEW.folder("cache").name == "generated-b3429fcd3738249c"


def test_another_seed_draws_other_characters_and_the_same_one_the_same(tmp_path: Path) -> None:
    one, again, other = (
        load(tmp_path / name, replace(FEW, seed=seed)).test.images for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def interrupted(archive: Any, *rest: Any) -> None:
        written.append(archive.filename)
        raise KeyboardInterrupt

    monkeypatch.setattr("episodic.drawings.handwriting.archives._write_alphabet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        FEW.find(cache_dir=str(tmp_path))
    assert written  # it had begun
    assert not list(tmp_path.iterdir())


def test_one_of_two_at_once_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(root: Path, *rest: Any, **options: Any) -> None:
        monkeypatch.setattr(sources, "generate_omniglot", generate_omniglot)
        FEW.find(cache_dir=str(tmp_path))  # another process, meanwhile
        generate_omniglot(root, *rest, **options)

    monkeypatch.setattr(sources, "generate_omniglot", overtaken)
    assert len(load(tmp_path).test.class_names) == 4
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == 1


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"^generated drawings cannot be kept in .*file .*--data\.cache_dir") as error:
        FEW.find(cache_dir=str(tmp_path / "file"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"background_alphabets": 0}, "background_alphabets is 0: it "),
        ({"evaluation_characters": 1}, "evaluation_characters is 1: it must be at least evaluation_alphabets, 2"),
        ({"drawers": 0}, "drawers is 0: it "),
        ({"seed": -1}, "seed is -1: it must be 0 or more"),
    ],
)
def test_bad_numbers_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        replace(FEW, **changes)


def test_a_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="root is there: it must be null"):
        FEW.find("there", str(tmp_path))
