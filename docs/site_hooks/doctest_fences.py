"""Griffe extension: fences the doctests of docstrings, so that the API pages show them as code."""

import re
from typing import Any

import griffe

#: A doctest: lines from `>>>` up to the next blank line, or to the end.
DOCTEST = re.compile(r"^([ \t]*)>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


class DoctestFences(griffe.Extension):
    """Fence every doctest of a module, class, function or attribute."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = DOCTEST.sub(_fenced, obj.docstring.value)


def _fenced(doctest: re.Match[str]) -> str:
    indent = doctest[1]
    return f"{indent}```pycon\n{doctest[0]}\n{indent}```"
