"""Omniglot is found, checked by its content, decoded in a sorted order, and cached."""

import os
import random
import socket
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from episodic.drawings import omniglot_files
from episodic.drawings.generated import encode, generate_omniglot
from episodic.drawings.omniglot_files import (
    PARTS,
    Counts,
    OmniglotPart,
    area_average,
    decode_drawing,
    find_omniglot,
    holds_omniglot,
    load_part,
    select_classes,
)
from episodic.errors import InputError

EXPECTED = {"background": Counts(24, 6, 20), "evaluation": Counts(12, 3, 20)}
Entries = list[tuple[str, bytes]]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no OMNIGLOT_ROOT, and no network."""
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)

    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("Dataset not found\nor corrupted.\n  You can use download=True")

    monkeypatch.setattr(torchvision.datasets, "Omniglot", refuse)
    return tmp_path


def load(root: Path, cache: Path, part: str = "background", image_size: int = 28) -> OmniglotPart:
    return load_part(root, part, image_size, cache_dir=str(cache), expected=EXPECTED)


def assert_equal(one: OmniglotPart, other: OmniglotPart) -> None:
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.labels, other.labels)
    assert torch.equal(one.alphabets, other.alphabets)
    assert one[3:] == other[3:]


def extracted(source: Path, target: Path) -> Path:
    """A root with the folders that the archives unpack to."""
    for part in PARTS:
        with zipfile.ZipFile(source / f"omniglot-py/images_{part}.zip") as archive:
            archive.extractall(target / "omniglot-py")
    return target


def rewritten(source: Path, target: Path, change: Callable[[Entries], Entries]) -> Path:
    """A root whose archives hold the changed entries."""
    (target / "omniglot-py").mkdir(parents=True)
    for part in PARTS:
        name = f"omniglot-py/images_{part}.zip"
        with zipfile.ZipFile(source / name) as archive:
            entries = [(entry, archive.read(entry)) for entry in archive.namelist()]
        with zipfile.ZipFile(target / name, "w") as archive:
            for entry, data in change(entries):
                archive.writestr(entry, data)
    return target


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


# ---------------------------------------------------------------------------------------------- finding


def test_explicit_root_wins(nowhere: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = extracted(generated_omniglot, nowhere / "other")
    monkeypatch.setenv("OMNIGLOT_ROOT", str(generated_omniglot))
    assert find_omniglot(str(other)) == other
    assert find_omniglot(None) == generated_omniglot


def test_variable_helps_where_the_root_is_empty(
    nowhere: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIGLOT_ROOT", str(generated_omniglot))
    assert find_omniglot(str(nowhere / "empty")) == generated_omniglot


def test_half_a_data_set_is_none(nowhere: Path, generated_omniglot: Path) -> None:
    (nowhere / "omniglot-py").mkdir()
    name = "omniglot-py/images_background.zip"
    (nowhere / name).write_bytes((generated_omniglot / name).read_bytes())
    assert holds_omniglot(generated_omniglot)
    assert not holds_omniglot(nowhere)
    with pytest.raises(InputError, match="no Omniglot"):
        find_omniglot(str(nowhere))
    assert (nowhere / name).exists()


def test_none_to_be_had_is_one_helpful_line(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIGLOT_ROOT", "elsewhere")
    with pytest.raises(InputError) as error:
        find_omniglot("here")
    message = one_line(error)
    for words in (
        "--data.root here",
        "OMNIGLOT_ROOT elsewhere",
        "download to here failed",
        "--data.root DIR",
    ):
        assert words in message
    assert not list(nowhere.iterdir())


def test_download_without_a_root_goes_to_data(
    nowhere: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = []

    def fetch(root: str, background: bool, download: bool) -> None:
        timeouts.append(socket.getdefaulttimeout())
        name = f"omniglot-py/images_{'background' if background else 'evaluation'}.zip"
        (Path(root) / "omniglot-py").mkdir(exist_ok=True)
        (Path(root) / name).write_bytes((generated_omniglot / name).read_bytes())

    monkeypatch.setattr(torchvision.datasets, "Omniglot", fetch)
    before = socket.getdefaulttimeout()
    assert find_omniglot(None) == Path("data")
    assert socket.getdefaulttimeout() == before
    assert timeouts == [omniglot_files.DOWNLOAD_TIMEOUT] * 2
    assert holds_omniglot(nowhere / "data")
    assert find_omniglot(None) == Path("data")
    assert len(timeouts) == 2  # found the second time


def test_half_a_download_is_not_kept(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(root: str, background: bool, download: bool) -> None:
        (Path(root) / "omniglot-py").mkdir()
        (Path(root) / "omniglot-py/images_background.zip").write_bytes(b"PK")
        raise TimeoutError("timed out")

    monkeypatch.setattr(torchvision.datasets, "Omniglot", fetch)
    with pytest.raises(InputError, match="TimeoutError: timed out"):
        find_omniglot(None)
    assert not list(nowhere.iterdir())
    assert socket.getdefaulttimeout() is None


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no images_evaluation\.zip"):
        load(tmp_path, tmp_path / "cache", "evaluation")


# --------------------------------------------------------------------------------------------- decoding


def test_classes_are_sorted(generated_omniglot: Path, tmp_path: Path) -> None:
    part = load(generated_omniglot, tmp_path)
    assert part.images.shape == (480, 28, 28)
    assert part.images.dtype == torch.uint8
    assert part.class_names == sorted(part.class_names)
    assert part.class_names[5] == "Borean/character02"
    assert part.alphabet_names == ["Anglic", "Borean", "Cimric", "Doric", "Elamic", "Faroic"]
    assert part.alphabets.tolist() == [index for index in range(6) for _ in range(4)]
    assert part.labels.tolist() == [label for label in range(24) for _ in range(20)]
    assert part.labels.dtype == part.alphabets.dtype == torch.long


def test_full_size_is_the_files_own_pixels(generated_omniglot: Path, tmp_path: Path) -> None:
    part = load(generated_omniglot, tmp_path, "evaluation", 105)
    with zipfile.ZipFile(generated_omniglot / "omniglot-py/images_evaluation.zip") as archive:
        for index in (0, 19, 20, 239):
            name = sorted(archive.namelist())[index]
            paper = np.asarray(Image.open(BytesIO(archive.read(name))))
            assert np.array_equal(part.images[index].numpy(), np.where(paper, 0, 255))


@pytest.mark.parametrize(("side", "size"), [(6, 4), (7, 3), (10, 5), (5, 5), (9, 7)])
def test_area_average_matches_a_loop_over_the_pixels_overlapped(side: int, size: int) -> None:
    ink = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)

    def overlapped(out: int) -> list[int]:
        return [
            inside for inside in range(side) if inside * size < (out + 1) * side and (inside + 1) * size > out * side
        ]

    for row, column in product(range(size), repeat=2):
        pixels = [int(ink[y, x]) for y in overlapped(row) for x in overlapped(column)]
        assert area_average(ink, size)[row, column] == round(Fraction(sum(pixels), len(pixels)))


@pytest.mark.parametrize("size", [28, 29, 52, 104, 105])
def test_any_size_keeps_the_ink(size: int, tmp_path: Path, generated_omniglot: Path) -> None:
    part = load(generated_omniglot, tmp_path, image_size=size)
    whole = load(generated_omniglot, tmp_path, image_size=105)
    assert part.images.shape == (480, size, size)
    for one, other in zip(part.images[::40], whole.images[::40], strict=True):
        assert one.float().mean().item() == pytest.approx(other.float().mean().item(), rel=0.1)


@pytest.mark.parametrize("size", [27, 106, 0])
def test_other_sizes_are_refused(size: int, tmp_path: Path, generated_omniglot: Path) -> None:
    with pytest.raises(InputError, match=f"image_size is {size}: it has to lie between 28 and 105"):
        load(generated_omniglot, tmp_path, image_size=size)


def test_folders_and_archives_give_the_same(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    (root / "omniglot-py/images_background/Anglic/.DS_Store").write_bytes(b"x")
    (root / "omniglot-py/images_background/Anglic/character01/._0001_01.png").write_bytes(b"x")
    for part in PARTS:
        assert_equal(load(root, tmp_path / "a", part), load(generated_omniglot, tmp_path / "b", part))


def test_a_folder_is_preferred_to_an_archive(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    (root / "omniglot-py/images_background.zip").write_bytes(b"not looked at")
    assert len(load(root, tmp_path / "cache").labels) == 480


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


def test_a_root_is_only_read(generated_omniglot: Path, tmp_path: Path) -> None:
    root = extracted(generated_omniglot, tmp_path / "root")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    load(root, tmp_path / "cache")
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_selected_classes_are_numbered_anew(generated_omniglot: Path, tmp_path: Path) -> None:
    whole = load(generated_omniglot, tmp_path)
    some = select_classes(whole, [21, 4, 6])
    assert some.class_names == ["Borean/character01", "Borean/character03", "Faroic/character02"]
    assert some.alphabet_names == ["Borean", "Faroic"]
    assert some.alphabets.tolist() == [0, 0, 1]
    assert some.labels.tolist() == [label for label in range(3) for _ in range(20)]
    for new, old in enumerate([4, 6, 21]):
        assert torch.equal(some.images[some.labels == new], whole.images[whole.labels == old])


# ----------------------------------------------------------------------------------------------- damage


def test_every_damaged_byte_of_a_drawing_is_noticed() -> None:
    strokes = np.random.default_rng(0).uniform(0.1, 0.9, (2, 4, 2))
    data = encode(strokes, 105)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x55
        with pytest.raises(InputError, match="drawing X cannot be read") as error:
            decode_drawing(bytes(changed), "drawing X")
        one_line(error)
        with pytest.raises(InputError, match="drawing X cannot be read"):
            decode_drawing(data[:place], "drawing X")


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_a_truncated_drawing_is_named(generated_omniglot: Path, tmp_path: Path, form: str) -> None:
    victim = "images_background/Doric/character02/0014_07.png"

    def change(entries: Entries) -> Entries:
        return [(name, data[:100] if name == victim else data) for name, data in entries]

    root = rewritten(generated_omniglot, tmp_path / "zip", change)
    root = root if form == "archive" else extracted(root, tmp_path / "folder")
    with pytest.raises(InputError, match=victim) as error:
        load(root, tmp_path / "cache")
    one_line(error)


def test_a_damaged_byte_in_an_archive_is_noticed(generated_omniglot: Path, tmp_path: Path) -> None:
    root = rewritten(generated_omniglot, tmp_path / "root", lambda entries: entries)
    path = root / "omniglot-py/images_background.zip"
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"0001_01\.png in .*images_background\.zip cannot be read") as error:
        load(root, tmp_path / "cache")
    one_line(error)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_archive_is_named(generated_omniglot: Path, tmp_path: Path, kept: float) -> None:
    root = rewritten(generated_omniglot, tmp_path / "root", lambda entries: entries)
    path = root / "omniglot-py/images_background.zip"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match=r"images_background\.zip cannot be read") as error:
        load(root, tmp_path / "cache")
    one_line(error)


def test_an_odd_shape_is_refused() -> None:
    buffer = BytesIO()
    Image.new("1", (105, 90)).save(buffer, format="PNG")
    with pytest.raises(InputError, match="drawing X is 105 x 90: a square"):
        decode_drawing(buffer.getvalue(), "drawing X")


def test_drawings_are_not_made_larger(tmp_path: Path) -> None:
    generate_omniglot(tmp_path, {"Latin": 1}, {"Runic": 1}, drawings=1, size=40)
    with pytest.raises(InputError, match=r"0001_01\.png .* is 40 x 40: a square of 56 to 256"):
        load_part(tmp_path, "background", 56, cache_dir=str(tmp_path / "cache"), expected={})


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
        ("/Doric/character02/0014_07", "19 drawings of Doric/character02: .* has to hold 20 of each"),
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


# ---------------------------------------------------------------------------------------------- caching


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it lets every decoding fail from then on."""

    def refuse(*args: object) -> None:
        raise AssertionError("decoded")

    return lambda: monkeypatch.setattr(omniglot_files, "_decode", refuse)


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
    (path,) = tmp_path.iterdir()
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
    assert len(list((tmp_path / "cache").iterdir())) == 1
    change(root / "omniglot-py/images_background/Anglic/character01")
    load(root, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_the_checksum_marks_an_archive(tmp_path: Path) -> None:
    generate_omniglot(tmp_path / "plain", {"Latin": 1}, {"Runic": 1}, drawings=1)

    def pad(filler: bytes) -> Callable[[Entries], Entries]:
        return lambda entries: [(name, data + filler) for name, data in entries]

    for filler in (b"a", b"b"):  # equal names and sizes
        root = rewritten(tmp_path / "plain", tmp_path / filler.decode(), pad(filler))
        load_part(root, "background", cache_dir=str(tmp_path / "cache"), expected={})
    assert len(list((tmp_path / "cache").iterdir())) == 2


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
    with pytest.warns(UserWarning, match=r"decoded drawings cannot be kept.*--data\.cache_dir"):
        part = load(generated_omniglot, tmp_path / "file")
    assert_equal(part, load(generated_omniglot, tmp_path / "cache"))
    assert (tmp_path / "file").read_text() == "not a folder"


def test_several_at_once_leave_one_whole_cache(generated_omniglot: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: load(generated_omniglot, tmp_path), range(4)))
    for part in parts[1:]:
        assert_equal(part, parts[0])
    assert len(list(tmp_path.iterdir())) == 1


def test_the_cache_is_the_users_by_default(
    generated_omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    load_part(generated_omniglot, "evaluation", expected=EXPECTED)
    (cache,) = (tmp_path / "episodic-memory-lab").iterdir()
    assert cache.name.startswith("images_evaluation-28")


# -------------------------------------------------------------------------------------------- real data

REAL = os.environ.get("OMNIGLOT_ROOT", "")


@pytest.mark.slow
@pytest.mark.skipif(not (REAL and holds_omniglot(Path(REAL))), reason="OMNIGLOT_ROOT holds no Omniglot")
def test_real_omniglot(tmp_path: Path) -> None:
    background, evaluation = (load_part(Path(REAL), part, cache_dir=str(tmp_path)) for part in PARTS)
    for part, classes, alphabets, drawings in ((background, 964, 30, 19_280), (evaluation, 659, 20, 13_180)):
        assert part.images.shape == (drawings, 28, 28)
        assert len(part.class_names) == len(set(part.class_names)) == classes
        assert len(part.alphabet_names) == alphabets
        assert part.labels.bincount().tolist() == [20] * classes
        assert part.images.min() == 0
        assert part.images.max() == 255
        assert 10 < part.images.float().mean() < 40  # ink is 255, and there is little of it
    assert not set(background.alphabet_names) & set(evaluation.alphabet_names)
