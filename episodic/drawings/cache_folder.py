"""The folder of decoded drawings, generated drawings and embeddings."""

from pathlib import Path

import platformdirs


def cache_folder(folder: str | Path | None = None) -> Path:
    """Expand `folder`; None gives the user's cache folder.

    >>> cache_folder("some/folder").parts
    ('some', 'folder')
    """
    return Path(folder or platformdirs.user_cache_dir("episodic-memory-lab")).expanduser()
