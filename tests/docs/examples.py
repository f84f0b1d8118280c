"""Commands and code blocks of the documentation, as a reader would copy them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.tiny import PROJECT

#: Pages in which commands are looked for, the README first.
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
#: A fenced block, also one that is indented in a list or a tab.
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
#: Beginnings of what counts as a command in running text.
STARTS = ("python ", ".venv/bin/python ", "make ", "cli.py ")
SHELL = ("", "bash", "sh", "shell", "console")
#: First words of commands; blocks without a language that begin otherwise are output.
PROGRAMS = re.compile(
    r"^(\$ )?([A-Z_]+=\S+ )*(export |(\S*/)?(python3?|pip|make|cli\.py|dask|optuna\S*|tensorboard|pre-commit|wandb|"
    r"mlflow|srun|sbatch|docker|git|cd|echo|ssh|scp|uv|jupyter|mkdocs|dask-\S+)\b)"
)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str  # path in the checkout
    line: int
    language: str
    text: str
    file: str | None  # name of a file that it shows, in the sentence before the block or as the block's title

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


class Command(NamedTuple):
    """One command of a page."""

    place: str  # page and line
    words: tuple[str, ...]  # without variables in front
    text: str
    in_passing: bool = False  # names a program in running text, without any of its arguments


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    content = page.read_text(encoding="utf-8")
    shown = []
    for match in FENCE.finditer(content):
        indent, info = len(match["indent"]), match["info"].strip()
        text = "\n".join(line[indent:] for line in match["text"].splitlines()) + "\n"
        line = content.count("\n", 0, match.start()) + 1
        language = re.sub(r"[{}.]", "", info.split()[0]).lower() if info else ""
        file = _file(content[: match.start()], info) if language in ("python", "yaml", "yml") else None
        shown.append(Block(_name(page), line, language, text, file))
    return shown


def _file(before: str, info: str) -> str | None:
    """The file that a block shows, if its title or the paragraph before it names a single one."""
    titles = re.findall(r'title="([^"]+)"', info)
    paragraph = before.rstrip().rpartition("\n\n")[2]
    names = titles or re.findall(r"`([\w/.-]+\.(?:ya?ml|py))`", paragraph)
    new = [name for name in dict.fromkeys(names) if not (PROJECT / name).exists()]
    return new[0] if len(new) == 1 else None


def commands(page: Path) -> list[Command]:
    """The shell commands of a page: each of its blocks' lines, and those in running text."""
    content = page.read_text(encoding="utf-8")
    found = [command for block in blocks(page) if block.language in SHELL for command in _lines(block)]
    prose = FENCE.sub(lambda match: "\n" * match[0].count("\n"), content)
    for match in INLINE.finditer(prose):
        text = " ".join(match[1].split())
        if text.startswith(STARTS):
            place = f"{_name(page)}:{prose.count(chr(10), 0, match.start()) + 1}"
            mentioned = len(text.split()) <= (2 if text.startswith("cli.py") else 3)
            found += [command._replace(in_passing=mentioned) for command in _parsed(text, place)]
    return found


def _lines(block: Block) -> Iterator[Command]:
    joined = block.text.replace("\\\n", " ")
    if not PROGRAMS.match(joined.lstrip()):
        return
    for line in joined.splitlines():
        if PROGRAMS.match(line.strip()):  # others are what a command prints
            yield from _parsed(line.strip().removeprefix("$ "), block.place)


def _parsed(text: str, place: str) -> Iterator[Command]:
    words = shlex.split(text, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words:
        yield Command(place, tuple(words), text.partition(" #")[0].strip())


def _name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()
