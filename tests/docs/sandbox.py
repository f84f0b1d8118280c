"""A folder that looks like the checkout, in which commands of the documentation may write."""

from pathlib import Path

from tests.tiny import PROJECT

#: Files that commands read. Folders are made, and their files linked, so that a page may add its own.
LINKED = ("configs/*.yaml", "experiments/grids/*.yaml", "experiments/searches/*.yaml", "experiments/clusters/*.yaml")
WHOLE = ("benchmarks", "episodic", "examples", "results", "tests", "Makefile", "README.md", "cli.py")


def make_sandbox(folder: Path) -> Path:
    """Fill an empty folder with links to the checkout's files."""
    for pattern in LINKED:
        for path in PROJECT.glob(pattern):
            link = folder / path.relative_to(PROJECT)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    for name in WHOLE:
        (folder / name).symlink_to(PROJECT / name)
    (folder / "docs").symlink_to(PROJECT / "docs")
    return folder
