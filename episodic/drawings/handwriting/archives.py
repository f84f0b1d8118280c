"""A generated data set in Omniglot's layout, for tests and for training without Omniglot."""

import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from episodic.drawings.handwriting.alphabets import BACKGROUND, EVALUATION, draw_alphabet, require_seed
from episodic.drawings.handwriting.png import to_png
from episodic.errors import require, require_positive
from episodic.progress import track

#: Changes whenever the same arguments would give other drawings.
FORMAT = "2"

Item = tuple[str, int]  # an alphabet and its number of characters


def generate_omniglot(
    root: Path,
    background: Mapping[str, int],
    evaluation: Mapping[str, int],
    drawings: int = 20,
    size: int = 105,
    seed: int = 0,
    progress: bool = False,
) -> None:
    """Write `omniglot-py/images_background.zip` and `images_evaluation.zip` with generated characters.

    The characters of an alphabet share a style and some strokes (`episodic.drawings.handwriting.characters`).
    Drawings with the same number in an alphabet share the habits of one drawer
    (`episodic.drawings.handwriting.drawers`). The same arguments give the same archives. An alphabet of more
    characters begins with those of a smaller one.

    Args:
        root: Folder that will hold `omniglot-py/`; created if necessary.
        background: Number of characters of each background alphabet.
        evaluation: Number of characters of each evaluation alphabet.
        drawings: Drawings of each character.
        size: Side of a drawing in pixels; 105 in Omniglot.
        seed: Seed of characters and drawings.
        progress: Whether to show the progress.

    Raises:
        InputError: A number is not positive, the seed is negative, an alphabet's name is no single folder name, or an
            archive already exists.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as root:
    ...     generate_omniglot(Path(root), {"Latin": 1}, {"Runic": 1}, drawings=2, size=28)
    ...     zipfile.ZipFile(Path(root) / "omniglot-py/images_evaluation.zip").namelist()[-1]
    'images_evaluation/Runic/character01/0002_02.png'
    """
    require_positive(drawings=drawings, size=size)
    require_seed(seed)
    for name, characters in [*background.items(), *evaluation.items()]:
        require(Path(name).name == name, f"alphabet {name!r} is not a valid folder name: give a single name")
        require_positive(**{f"characters of {name}": characters})
    folder = root / "omniglot-py"
    folder.mkdir(parents=True, exist_ok=True)
    parts = ((BACKGROUND, folder / "images_background.zip"), (EVALUATION, folder / "images_evaluation.zip"))
    first = 1
    for (part, path), alphabets in zip(parts, (background, evaluation), strict=True):
        require(not path.exists(), f"{path} already exists: give a folder that holds no Omniglot")
        # Stored without compression: PNGs are compressed already.
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
            items = list(alphabets.items())
            for number, (alphabet, characters) in enumerate(_tracked(items, path.stem) if progress else items):
                images = draw_alphabet(characters, drawings, size, [seed, part, number])
                _write_alphabet(archive, f"{path.stem}/{alphabet}", images, first)
                first += characters


def _tracked(items: Sequence[Item], name: str) -> Iterable[Item]:
    """Show the progress through the items."""
    return track(items, f"generating {name}", len(items), "alphabets")


def _write_alphabet(archive: zipfile.ZipFile, folder: str, characters: Iterator[NDArray[np.uint8]], first: int) -> None:
    """Write all drawings of an alphabet; `first` is the data set's number of its first character."""
    for character, images in enumerate(characters):
        for drawing, ink in enumerate(images, start=1):
            name = f"{folder}/character{character + 1:02d}/{first + character:04d}_{drawing:02d}.png"
            # A fixed date keeps the archives identical.
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), to_png(ink))
