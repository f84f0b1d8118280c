"""A part of Omniglot loaded into memory.

Omniglot: Lake, Salakhutdinov & Tenenbaum 2015, "Human-level concept learning through probabilistic program
induction", Science 350.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from episodic.drawings.cache_folder import cache_folder
from episodic.drawings.images import SMALLEST, require_image_size
from episodic.drawings.omniglot.cache import cache_file, fingerprint, read_cache, write_cache
from episodic.drawings.omniglot.decoding import decode_members
from episodic.drawings.omniglot.listing import OFFICIAL, Counts, Member, list_part
from episodic.drawings.omniglot.part import OmniglotPart


def load_part(
    root: Path,
    part: str,
    image_size: int = SMALLEST,
    *,
    cache_dir: str | None = None,
    expected: Mapping[str, Counts] = OFFICIAL,
) -> OmniglotPart:
    """Load a part's drawings at `image_size` from the cache, or decode and cache them.

    Args:
        root: Folder that holds `omniglot-py/`.
        part: `background` or `evaluation`.
        image_size: Side S of the drawings in pixels, 28 to 105 (the size of the files); smaller drawings are area
            averages.
        cache_dir: Folder of the decoded drawings; None is the user's cache folder.
        expected: Expected content by part; a part without an entry is not counted.

    Raises:
        InputError: The part is missing, damaged, or does not have the expected content; the size is out of range.
    """
    require_image_size(image_size)
    source, members = list_part(root, part, expected)
    return _assemble(_images(source, members, image_size, cache_folder(cache_dir)), members)


def _images(source: Path, members: Sequence[Member], size: int, folder: Path) -> NDArray[np.uint8]:
    origin = fingerprint(source, members)
    path = cache_file(folder, source, size, origin)
    images = read_cache(path, origin, (len(members), size, size))
    if images is None:
        images = decode_members(source, members, size)
        write_cache(path, origin, images)
    return images


def _assemble(images: NDArray[np.uint8], members: Sequence[Member]) -> OmniglotPart:
    # dict.fromkeys removes duplicates and keeps the members' order.
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
