"""Drawings are decoded once, and again when their source or their cache changes."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.omniglot import loading
from episodic.drawings.omniglot.loading import load_part
from tests.drawing_roots import EXPECTED, Entries, assert_equal, extracted, load, rewritten


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it lets every decoding fail from then on."""

    def refuse(*args: object) -> None:
        raise AssertionError("decoded")

    return lambda: monkeypatch.setattr(loading, "decode_members", refuse)


def test_drawings_are_decoded_once(
    generated_omniglot: Path,
    tmp_path: Path,
    no_decoding: Callable[[], None],
) -> None:
    first = load(generated_omniglot, tmp_path)
    no_decoding()
    assert_equal(load(generated_omniglot, tmp_path), first)
    for other in ({"image_size": 30}, {"part": "evaluation"}):
        with pytest.raises(AssertionError, match="decoded"):
            load(generated_omniglot, tmp_path, **other)


def _truncate(path: Path, digest: str) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _empty(path: Path, digest: str) -> None:
    path.write_bytes(b"")


def _other_pixels(path: Path, digest: str) -> None:
    with np.load(path) as stored:
        content = dict(stored)
    content["images"][5, 14, 14] ^= 1
    np.savez(path, **content)


def _other_shape(path: Path, digest: str) -> None:
    with np.load(path) as stored:
        content = dict(stored)
    np.savez(path, **{**content, "images": content["images"].reshape(240, 56, 28)})


def _pickled(path: Path, digest: str) -> None:
    np.savez(path, images=np.array([{"a": 1}], dtype=object), sha256="0", fingerprint="0")


def _array(path: Path, digest: str) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize("damage", [_truncate, _empty, _other_pixels, _other_shape, _pickled, _array])
def test_a_damaged_cache_is_rebuilt(
    generated_omniglot: Path,
    tmp_path: Path,
    no_decoding: Callable[[], None],
    damage: Callable[[Path, str], None],
) -> None:
    first = load(generated_omniglot, tmp_path)
    (path,) = tmp_path.glob("*.npz")
    damage(path, "")
    assert_equal(load(generated_omniglot, tmp_path), first)
    no_decoding()
    assert_equal(load(generated_omniglot, tmp_path), first)


def test_a_changed_source_is_decoded_anew(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    first = load(root, tmp_path / "cache")
    place = root / "omniglot-py/images_background/Anglic/character01"
    os.replace(place / "0001_02.png", place / "0001_01.png")
    (place / "0001_02.png").write_bytes((place / "0001_03.png").read_bytes())
    changed = load(root, tmp_path / "cache")
    assert torch.equal(changed.images[0], first.images[1])
    assert torch.equal(changed.images[1], first.images[2])


def _rename(place: Path) -> None:
    os.rename(place / "0001_01.png", place / "0001_00.png")


def _touch(place: Path) -> None:
    os.utime(place / "0001_01.png", ns=(1, 1))


def _lengthen(place: Path) -> None:
    path = place / "0001_01.png"
    time = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, ns=(time, time))


@pytest.mark.parametrize("change", [_rename, _touch, _lengthen])
def test_name_size_and_time_each_mark_a_folder(
    generated_omniglot: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    load(root, tmp_path / "cache")
    load(root, tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 1
    change(root / "omniglot-py/images_background/Anglic/character01")
    load(root, tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2


def test_the_checksum_marks_an_archive(tmp_path: Path) -> None:
    generate_omniglot(tmp_path / "plain", {"Latin": 1}, {"Runic": 1}, drawings=1)

    def pad(filler: bytes) -> Callable[[Entries], Entries]:
        return lambda entries: [(name, data + filler) for name, data in entries]

    for filler in (b"a", b"b"):  # equal names and sizes
        root = rewritten(tmp_path / "plain", tmp_path / filler.decode(), pad(filler))
        load_part(root, "background", cache_dir=str(tmp_path / "cache"), expected={})
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2


def test_two_sources_keep_a_cache_each(
    generated_omniglot: Path, tmp_path: Path, no_decoding: Callable[[], None]
) -> None:
    other = tmp_path / "other"
    generate_omniglot(other, dict.fromkeys("ABCDEF", 4), dict.fromkeys("GHI", 4), seed=7)
    parts = [load(root, tmp_path / "cache") for root in (generated_omniglot, other)]
    assert not torch.equal(parts[0].images, parts[1].images)
    no_decoding()
    for root, part in zip((generated_omniglot, other), parts, strict=True):
        assert_equal(load(root, tmp_path / "cache"), part)


def test_without_a_writable_cache_it_goes_on(generated_omniglot: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.warns(UserWarning, match=r"cannot be written.*decoded each time: --data\.cache_dir"):
        part = load(generated_omniglot, tmp_path / "file")
    assert_equal(part, load(generated_omniglot, tmp_path / "cache"))
    assert (tmp_path / "file").read_text() == "not a folder"


def test_several_at_once_leave_one_whole_cache(generated_omniglot: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: load(generated_omniglot, tmp_path), range(4)))
    for part in parts[1:]:
        assert_equal(part, parts[0])
    assert len(list(tmp_path.glob("*"))) == 2  # with the tag


def test_the_cache_is_the_users_by_default(
    generated_omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    load_part(generated_omniglot, "evaluation", expected=EXPECTED)
    (cache,) = (tmp_path / "episodic-memory-lab").glob("*.npz")
    assert cache.name.startswith("images_evaluation-28")
