"""PNG files decoded to arrays of ink."""

import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from episodic.drawings.images import SMALLEST, area_average
from episodic.drawings.omniglot.damage import readable
from episodic.drawings.omniglot.listing import LARGEST_FILE, Member
from episodic.errors import require
from episodic.progress import track

#: `area_average` is exact up to this side: sums of 255 over a drawing stay below 2^24.
LARGEST_SIDE = 256
#: The last chunk of every PNG; PIL accepts a file that breaks off within it.
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def decode_members(source: Path, members: Sequence[Member], size: int) -> NDArray[np.uint8]:
    """Decode the drawings of an archive or folder to `[N, size, size]` uint8, ink = 255.

    Raises:
        InputError: A drawing is damaged, not square, or too small.
    """
    images = np.empty((len(members), size, size), dtype=np.uint8)
    contents = track(_contents(source, members), f"decoding {source.name}", len(members), "drawings")
    for index, (name, data) in enumerate(contents):
        images[index] = area_average(decode_drawing(data, name, size), size)
    return images


def decode_drawing(data: bytes, name: str, smallest: int = SMALLEST) -> NDArray[np.uint8]:
    """Decode a PNG with ink = 0 to `[H, H]` uint8 with ink = 255.

    Args:
        data: Content of the file.
        name: Name of the drawing in error messages.
        smallest: Smallest permitted side in pixels.

    Raises:
        InputError: The data are no complete PNG, or the drawing is no square of `smallest` to 256 pixels.
    """
    with readable(name):
        if PNG_END not in data:
            raise EOFError("the PNG has no end")
        Image.open(BytesIO(data), formats=["PNG"]).verify()  # loading alone overlooks wrong checksums
        drawing = Image.open(BytesIO(data), formats=["PNG"])
    width, height = drawing.size
    require(
        width == height and smallest <= width <= LARGEST_SIDE,
        f"{name} is {width} x {height}: a square of {smallest} to {LARGEST_SIDE} pixels is needed",
    )
    with readable(name):
        ink: NDArray[np.uint8] = 255 - np.asarray(drawing.convert("L"))
    return ink


def _contents(source: Path, members: Sequence[Member]) -> Iterator[tuple[str, bytes]]:
    """Yield a name for error messages and the bytes of every member."""
    if source.is_dir():
        for path in (source.parent / member.name for member in members):
            with readable(str(path)), path.open("rb") as file:
                data = file.read(LARGEST_FILE)
            yield str(path), data
        return
    with readable(str(source)):
        archive = zipfile.ZipFile(source)
    with archive:
        for member in members:
            with readable(f"{member.name} in {source}"):
                data = archive.read(member.name)
            yield f"{member.name} in {source}", data
