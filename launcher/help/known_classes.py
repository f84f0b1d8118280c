"""The classes that are known by their short names, because they are imported."""

#: Packages whose classes are the project's own.
PACKAGES = ("callbacks", "datamodules", "episodic", "lightning_modules")


def descendants(base: type) -> set[type]:
    """All subclasses of a class, and theirs.

    >>> sorted(kind.__name__ for kind in descendants(bool))
    []
    """
    children: set[type] = set(base.__subclasses__())
    return children.union(*(descendants(child) for child in children))


def is_own(kind: type) -> bool:
    """Whether a class is one of this project."""
    return kind.__module__.partition(".")[0] in PACKAGES
