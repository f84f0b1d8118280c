"""Where Omniglot lies: a folder on this machine, or a download.

A root holds `omniglot-py/images_background` and `omniglot-py/images_evaluation`, each as a `.zip` archive or as the
unpacked folder: `images_background/<alphabet>/<character>/<drawing>.png`, ink = 0. Archives are never unpacked and
nothing is written to a root that holds the data set, so a root may be read-only.
"""

import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from episodic.drawings.omniglot.damage import summary
from episodic.errors import InputError
from episodic.files import remove_abandoned, replacing

PARTS = ("background", "evaluation")
FOLDER = "omniglot-py"
VARIABLE = "OMNIGLOT_ROOT"
SCRATCH = ".download-"
DEFAULT_ROOT = "data"
DOWNLOAD_TIMEOUT = 20.0  # seconds without a byte


def find_omniglot(root: str | None = None) -> Path:
    """Return the first root that holds Omniglot: `root`, the environment variable OMNIGLOT_ROOT, or a download.

    torchvision downloads to `root`, or to `data` if no root is given. An interrupted download leaves nothing behind.

    Raises:
        InputError: There is no data set and the download failed.
    """
    named = os.environ.get(VARIABLE)
    target = Path(os.path.expanduser(root or DEFAULT_ROOT))
    for folder in (target if root else None, Path(os.path.expanduser(named)) if named else None, target):
        if folder is not None and holds_omniglot(folder):
            return folder
    try:
        _download(target)
    except Exception as error:  # torchvision, urllib and ssl have no common exception
        searched = f"--data.root {root or '(not given)'}, {VARIABLE} {named or '(not set)'}"
        raise InputError(
            f"no Omniglot: looked under {searched}, and the download to {target} failed "
            f"({summary(error)}); give --data.root DIR or set {VARIABLE} to a folder that holds {FOLDER}/ "
            f"with images_background.zip and images_evaluation.zip, or allow the network for the download"
        ) from error
    return target


def holds_omniglot(root: Path) -> bool:
    """Whether both parts lie under `root`, each as an archive or as a folder.

    >>> holds_omniglot(Path("no/such/folder"))
    False
    """
    return all(part_source(root, part) is not None for part in PARTS)


def part_source(root: Path, part: str) -> Path | None:
    """Return the part's folder, else its archive, else None.

    >>> part_source(Path("no/such/folder"), "background") is None
    True
    """
    folder = root / FOLDER / f"images_{part}"
    archive = folder.with_suffix(".zip")
    if os.path.isdir(folder):
        return folder
    return archive if os.path.isfile(archive) else None


def _download(root: Path) -> None:
    """Download the missing parts to `root`."""
    folder = root / FOLDER
    created = [path for path in (folder, root) if not path.exists()]
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download_missing(root)
    except BaseException:
        for path in created:
            with suppress(OSError):
                path.rmdir()
        raise
    finally:
        socket.setdefaulttimeout(timeout)


def _download_missing(root: Path) -> None:
    # Imported here: only the download needs torchvision, and the import is slow.
    from torchvision import datasets

    remove_abandoned(root / FOLDER, f"{SCRATCH}*")
    # A scratch folder keeps an interrupted download from being mistaken for the data set.
    with tempfile.TemporaryDirectory(dir=root / FOLDER, prefix=SCRATCH) as scratch:
        for part in PARTS:
            if part_source(root, part) is None:
                datasets.Omniglot(scratch, background=part == "background", download=True)
                archive = Path(FOLDER) / f"images_{part}.zip"
                with replacing(root / archive) as temporary:
                    os.replace(scratch / archive, temporary)
