"""Omniglot (Lake, Salakhutdinov & Tenenbaum, Science 2015): finding it, checking it, decoding it once.

A root holds `omniglot-py/images_background` and `omniglot-py/images_evaluation`, each as a `.zip` or as the
folder that it unpacks to: `images_background/<alphabet>/<character>/<drawing>.png`, ink = 0. Nothing is ever
unpacked or written there, so a root may be read-only.
"""

import hashlib
import os
import socket
import tempfile
import uuid
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from episodic.errors import InputError, require, require_choice

PARTS = ("background", "evaluation")
FOLDER = "omniglot-py"
VARIABLE = "OMNIGLOT_ROOT"
DEFAULT_ROOT = "data"
SMALLEST, LARGEST = 28, 105
#: Sums of 255 over a drawing stay below 2^24 up to here, so that float32 adds them up without rounding.
LARGEST_SIDE = 256
DOWNLOAD_TIMEOUT = 20.0  # seconds without a byte
#: Changes when the same drawings would be decoded to other pixels.
CACHE_FORMAT = "2"
#: The last chunk of every PNG; PIL takes a file for whole that breaks off within it.
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
#: What PIL, zipfile and the file system raise on a file that is not what it should be.
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    Image.DecompressionBombError,
)


class Counts(NamedTuple):
    """What a part has to hold."""

    classes: int
    alphabets: int
    drawings: int  # of each class


OFFICIAL: Mapping[str, Counts] = {
    "background": Counts(classes=964, alphabets=30, drawings=20),
    "evaluation": Counts(classes=659, alphabets=20, drawings=20),
}


class OmniglotPart(NamedTuple):
    """N drawings of C classes: classes sorted by (alphabet, character), the drawings of each by file name."""

    images: Tensor  # [N, S, S] uint8, ink = 255
    labels: Tensor  # [N] long, 0 to C - 1
    alphabets: Tensor  # [C] long, each class's index in alphabet_names
    class_names: list[str]  # "Latin/character01"
    alphabet_names: list[str]


class Member(NamedTuple):
    """One PNG of a part."""

    path: tuple[str, ...]  # images_background, alphabet, character, file
    size: int  # bytes
    stamp: int  # an archive's CRC32, or a file's time of change in ns

    @property
    def name(self) -> str:
        return "/".join(self.path)

    @property
    def class_name(self) -> str:
        return "/".join(self.path[1:3])


# ---------------------------------------------------------------------------------------------- finding


def find_omniglot(root: str | None) -> Path:
    """The first root that holds Omniglot: `root`, the variable OMNIGLOT_ROOT, or a download by torchvision.

    A download goes to `root`, or to `data` where none is given. It leaves only whole archives behind.

    Raises:
        InputError: none was found and none could be downloaded.
    """
    named = os.environ.get(VARIABLE)
    target = Path(root or DEFAULT_ROOT).expanduser()
    for place in (target if root else None, Path(named).expanduser() if named else None, target):
        if place is not None and holds_omniglot(place):
            return place
    try:
        _download(target)
    except Exception as error:  # torchvision, urllib and ssl raise what they like
        searched = f"--data.root {root or '(not given)'}, {VARIABLE} {named or '(not set)'}"
        raise InputError(
            f"no Omniglot: looked under {searched}, and the download to {target} failed "
            f"({_one_line(error)}); give --data.root DIR or set {VARIABLE} to a folder that holds {FOLDER}/ "
            f"with images_background.zip and images_evaluation.zip, or allow the network for the download"
        ) from error
    return target


def holds_omniglot(root: Path) -> bool:
    """Whether both parts lie under `root`, as an archive or as a folder."""
    return all(_source(root, part) is not None for part in PARTS)


def _source(root: Path, part: str) -> Path | None:
    """The part's folder, else its archive, else None."""
    folder = root / FOLDER / f"images_{part}"
    archive = folder.with_suffix(".zip")
    if folder.is_dir():
        return folder
    return archive if archive.is_file() else None


def _download(root: Path) -> None:
    """Let torchvision fetch the parts that are missing under `root`."""
    folder = root / FOLDER
    made = [place for place in (folder, root) if not place.exists()]
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download_missing(root)
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.rmdir()
        raise
    finally:
        socket.setdefaulttimeout(timeout)


def _download_missing(root: Path) -> None:
    # Only the download needs torchvision, and its import is slow.
    from torchvision import datasets

    # By way of a scratch folder: a download cut short must not be taken for the data set later.
    with tempfile.TemporaryDirectory(dir=root / FOLDER, prefix=".download-") as scratch:
        for part in PARTS:
            if _source(root, part) is None:
                datasets.Omniglot(scratch, background=part == "background", download=True)
                archive = Path(FOLDER) / f"images_{part}.zip"
                os.replace(scratch / archive, root / archive)


# --------------------------------------------------------------------------------------------- decoding


def load_part(
    root: Path,
    part: str,
    image_size: int = SMALLEST,
    *,
    cache_dir: str | None = None,
    expected: Mapping[str, Counts] = OFFICIAL,
) -> OmniglotPart:
    """The part's drawings at `image_size`: from the cache, else decoded and cached.

    Args:
        root: a folder that holds `omniglot-py/`.
        part: `background` or `evaluation`.
        image_size: side S of the drawings in pixels; 105 is the original, smaller ones are area averages.
        cache_dir: folder of the decoded drawings; None takes the user's cache folder.
        expected: what each part has to hold; one that is not named is not counted.

    Raises:
        InputError: a part that is missing, damaged, or does not hold what is expected.
    """
    require_choice("part", part, PARTS)
    require_image_size(image_size)
    source, members = _checked(root, part, expected)
    images = _images(source, members, image_size, _cache_folder(cache_dir))
    return _assemble(images, members)


def list_classes(root: Path, part: str, *, expected: Mapping[str, Counts] = OFFICIAL) -> list[str]:
    """Names of the part's classes, sorted, without decoding a drawing.

    Raises:
        InputError: a part that is missing, damaged, or does not hold what is expected.
    """
    _, members = _checked(root, part, expected)
    return list(dict.fromkeys(member.class_name for member in members))


def _checked(root: Path, part: str, expected: Mapping[str, Counts]) -> tuple[Path, list[Member]]:
    """Where a part lies, and its drawings."""
    require_choice("part", part, PARTS)
    source = _source(root, part)
    if source is None:
        raise InputError(f"no images_{part}.zip in {root / FOLDER}: a root holds both parts of Omniglot")
    members = _members(source)
    _check(members, source, expected.get(part))
    return source, members


def require_image_size(image_size: int) -> None:
    """Raise `InputError` unless drawings can be had at this size."""
    require(
        SMALLEST <= image_size <= LARGEST,
        f"image_size is {image_size}: it has to lie between {SMALLEST} and {LARGEST}",
    )


def _members(source: Path) -> list[Member]:
    """All PNGs of a part, sorted: the order in an archive or on a disk means nothing."""
    with _readable(str(source)):
        found = _listed_folder(source) if source.is_dir() else _listed_archive(source)
    return sorted(member for member in found if _is_drawing(member, source.stem))


def _listed_archive(source: Path) -> list[Member]:
    with zipfile.ZipFile(source) as archive:
        infos = archive.infolist()
    return [Member(tuple(info.filename.split("/")), info.file_size, info.CRC) for info in infos]


def _listed_folder(source: Path) -> list[Member]:
    # Permission errors have to show: glob would pass over them.
    def fail(error: OSError) -> None:
        raise error

    files = [Path(folder, name) for folder, _, names in os.walk(source, onerror=fail) for name in names]
    stats = ((file, file.stat()) for file in files)
    parts = ((file.relative_to(source.parent).parts, stat) for file, stat in stats)
    return [Member(path, stat.st_size, stat.st_mtime_ns) for path, stat in parts]


def _is_drawing(member: Member, top: str) -> bool:
    hidden = any(step.startswith(".") for step in member.path)  # .DS_Store and its like
    right = len(member.path) == 4 and member.path[0] == top
    return right and not hidden and member.path[-1].lower().endswith(".png")


def _check(members: Sequence[Member], source: Path, expected: Counts | None) -> None:
    """Raise `InputError` unless the part holds what is expected, or anything where nothing is."""
    require(bool(members), f"{source} holds no <alphabet>/<character>/<drawing>.png: it is not Omniglot")
    if expected is None:
        return
    drawings = Counter(member.class_name for member in members)
    alphabets = len({member.path[1] for member in members})
    require(
        (len(drawings), alphabets) == (expected.classes, expected.alphabets),
        f"{source} holds {len(drawings)} classes in {alphabets} alphabets: {source.stem} has to hold "
        f"{expected.classes} classes in {expected.alphabets} alphabets; put a whole copy in its place",
    )
    for name, count in drawings.items():
        require(
            count == expected.drawings,
            f"{source} holds {count} drawings of {name}: {source.stem} has to hold {expected.drawings} of "
            f"each class; put a whole copy in its place",
        )


def _decode(source: Path, members: Sequence[Member], size: int) -> NDArray[np.uint8]:
    """All drawings, `[N, S, S]` uint8, ink = 255."""
    images = np.empty((len(members), size, size), dtype=np.uint8)
    for index, (name, data) in enumerate(_contents(source, members)):
        images[index] = area_average(decode_drawing(data, name, size), size)
    return images


def _contents(source: Path, members: Sequence[Member]) -> Iterator[tuple[str, bytes]]:
    """A name for messages and the bytes of every member."""
    if source.is_dir():
        for path in (source.parent / member.name for member in members):
            with _readable(str(path)):
                data = path.read_bytes()
            yield str(path), data
        return
    with _readable(str(source)):
        archive = zipfile.ZipFile(source)
    with archive:
        for member in members:
            with _readable(f"{member.name} in {source}"):
                data = archive.read(member.name)
            yield f"{member.name} in {source}", data


def decode_drawing(data: bytes, name: str, smallest: int = SMALLEST) -> NDArray[np.uint8]:
    """A PNG with ink = 0 -> `[H, H]` uint8, ink = 255.

    Raises:
        InputError: no whole PNG, or no square of at least `smallest` pixels; `name` says which drawing.
    """
    with _readable(name):
        if PNG_END not in data:
            raise EOFError("the PNG has no end")
        Image.open(BytesIO(data), formats=["PNG"]).verify()  # loading alone overlooks wrong checksums
        drawing = Image.open(BytesIO(data), formats=["PNG"])
    width, height = drawing.size
    require(
        width == height and smallest <= width <= LARGEST_SIDE,
        f"{name} is {width} x {height}: a square of {smallest} to {LARGEST_SIDE} pixels is needed",
    )
    with _readable(name):
        ink: NDArray[np.uint8] = 255 - np.asarray(drawing.convert("L"))
    return ink


def area_average(ink: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Each pixel of `[size, size]` the mean of all those of `[H, H]` that it overlaps, to the nearest integer.

    Sums of whole numbers that float32 holds exactly, so that every machine finds the same pixels.
    """
    if ink.shape[0] == size:
        return ink
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(ink).float().unsqueeze(0), size)
    mean: NDArray[np.uint8] = pooled.squeeze(0).round().to(torch.uint8).numpy()
    return mean


def _assemble(images: NDArray[np.uint8], members: Sequence[Member]) -> OmniglotPart:
    # dict.fromkeys: unique, and still sorted as the members are.
    classes = list(dict.fromkeys(member.path[1:3] for member in members))
    alphabets = list(dict.fromkeys(alphabet for alphabet, _ in classes))
    number = {path: label for label, path in enumerate(classes)}
    return OmniglotPart(
        images=torch.from_numpy(images),
        labels=torch.tensor([number[member.path[1:3]] for member in members]),
        alphabets=torch.tensor([alphabets.index(alphabet) for alphabet, _ in classes]),
        class_names=["/".join(path) for path in classes],
        alphabet_names=alphabets,
    )


def select_classes(part: OmniglotPart, classes: Sequence[int]) -> OmniglotPart:
    """The drawings of some classes, in the part's order, with classes and alphabets numbered from 0 again."""
    kept = torch.tensor(sorted(set(classes)), dtype=torch.long)
    renumbered = torch.full((len(part.class_names),), -1)
    renumbered[kept] = torch.arange(len(kept))
    chosen = renumbered[part.labels] >= 0
    alphabets, alphabet = torch.unique(part.alphabets[kept], return_inverse=True)
    return OmniglotPart(
        images=part.images[chosen],
        labels=renumbered[part.labels[chosen]],
        alphabets=alphabet,
        class_names=[part.class_names[index] for index in kept.tolist()],
        alphabet_names=[part.alphabet_names[index] for index in alphabets.tolist()],
    )


def join_parts(one: OmniglotPart, other: OmniglotPart) -> OmniglotPart:
    """The classes and drawings of both, those of `one` first; alphabets of the same name become one."""
    alphabets = list(dict.fromkeys([*one.alphabet_names, *other.alphabet_names]))
    number = torch.tensor([alphabets.index(name) for name in other.alphabet_names])
    return OmniglotPart(
        images=torch.cat([one.images, other.images]),
        labels=torch.cat([one.labels, other.labels + len(one.class_names)]),
        alphabets=torch.cat([one.alphabets, number[other.alphabets]]),
        class_names=[*one.class_names, *other.class_names],
        alphabet_names=alphabets,
    )


# ---------------------------------------------------------------------------------------------- caching


def _cache_folder(cache_dir: str | None) -> Path:
    return Path(cache_dir or platformdirs.user_cache_dir("episodic-memory-lab")).expanduser()


def _images(source: Path, members: Sequence[Member], size: int, folder: Path) -> NDArray[np.uint8]:
    fingerprint = _fingerprint(source, members)
    # Named after its source as well: two copies of the data set do not drive each other out.
    cache = folder / f"{source.stem}-{size}-{fingerprint[:16]}.npz"
    images = _from_cache(cache, fingerprint, (len(members), size, size))
    if images is None:
        images = _decode(source, members, size)
        _to_cache(cache, fingerprint, images)
    return images


def _fingerprint(source: Path, members: Sequence[Member]) -> str:
    """Of the names, sizes and checksums (or times of change) of the drawings."""
    kind = "folder" if source.is_dir() else "archive"
    lines = [f"{member.name}\t{member.size}\t{member.stamp}" for member in members]
    return hashlib.sha256("\n".join([CACHE_FORMAT, kind, *lines]).encode()).hexdigest()


def _from_cache(path: Path, fingerprint: str, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The cached drawings; None where there are none, or where they are not what was stored."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            images, digest = stored["images"], str(stored["sha256"])
            origin = str(stored["fingerprint"])
    except Exception:  # whatever is wrong with a cache, decoding again puts it right
        return None
    sound = images.dtype == np.uint8 and images.shape == shape and origin == fingerprint
    return images if sound and digest == _digest(images) else None


def _to_cache(path: Path, fingerprint: str, images: NDArray[np.uint8]) -> None:
    """Store the drawings; two processes may do so at once, and a reader never meets half a file."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            np.savez(file, images=images, sha256=np.array(_digest(images)), fingerprint=np.array(fingerprint))
        os.replace(temporary, path)
    except OSError as error:
        warnings.warn(
            f"decoded drawings cannot be kept in {path.parent} ({_one_line(error)}): decoded each time; "
            f"--data.cache_dir names another folder",
            stacklevel=2,
        )
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _digest(images: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


# ------------------------------------------------------------------------------------------------ errors


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turn whatever a damaged file raises into one line that names it."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(
            f"{name} cannot be read ({_one_line(error)}): it is damaged or not permitted; replace it"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
