"""MkDocs hook: copies into the site every file outside `docs/` that a page links to, and adapts GitHub's Markdown.

Pages link to grids, CSVs and model cards by relative paths, which work in a checkout. In the site such a file is a page
under `files/`: Markdown as it is, YAML as a listing, a folder as a list of its files. A CSV is a download.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Files outside `docs/` that the navigation or a generated table names.
ALWAYS = (
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(ROOT / "configs").glob("*.yaml"),
)
#: A relative link and its anchor, or a block of code, where nothing is a link.
LINK = re.compile(r"^```.*?^```|(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)((?:#[^)\s]*)?\))", re.MULTILINE | re.DOTALL)
#: What belongs to an item of a list is indented by two spaces on GitHub, and by four in MkDocs.
INDENT = re.compile(r"^```.*?^```|^  (?=\S)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the linked files, and the files that these link to."""
    waiting = list(ALWAYS)
    for file in files.documentation_pages():
        waiting += _outside(file.content_string, DOCS / file.src_uri)
    while waiting:
        path = waiting.pop()
        if files.get_file_from_path(_uri(path)) is None and path.exists():
            file = _as_file(path, config)
            files.append(file)
            if path.is_dir():
                waiting += _listed(path)
            elif path.suffix == ".md":
                waiting += _outside(file.content_string, path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files outside `docs/` lead to their copies; adapt lists and `<details>` to MkDocs."""
    folder = posixpath.dirname(page.file.src_uri)
    source = _source(page.file.src_uri)

    def relative(link: re.Match[str]) -> str:
        if link[1] is None:
            return link[0]
        return posixpath.relpath(_uri(_resolve(link[1], source)), folder or ".") + link[2]

    markdown = LINK.sub(relative, markdown).replace("<details>", '<details markdown="1">')
    return INDENT.sub(lambda match: match[0] if match[0].startswith("```") else "    ", markdown)


def _outside(text: str, source: Path) -> list[Path]:
    """Return the paths outside `docs/` that a page links to."""
    paths = [_resolve(link[1], source) for link in LINK.finditer(text) if link[1]]
    return [path for path in paths if DOCS not in path.parents]


def _resolve(link: str, source: Path) -> Path:
    return Path(os.path.normpath(source.parent / link))


def _source(uri: str) -> Path:
    """Return the file that a page is made from, whose relative links count from there."""
    return ROOT / uri.removeprefix("files/") if uri.startswith("files/") else DOCS / uri


def _uri(path: Path) -> str:
    """Return where a file lies among the site's sources."""
    if DOCS in path.parents:
        return path.relative_to(DOCS).as_posix()
    uri = f"files/{path.relative_to(ROOT).as_posix()}"
    if path.is_dir():
        return f"{uri}/index.md"
    return f"{uri}.md" if path.suffix == ".yaml" else uri


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".yaml"))


def _as_file(path: Path, config: MkDocsConfig) -> File:
    if path.is_dir():
        links = [f"- [{entry.name}]({entry.name})" for entry in _listed(path)]
        content = "\n".join([f"# {path.relative_to(ROOT)}", "", *links])
    elif path.suffix == ".yaml":
        content = f"# {path.name}\n\n`{path.relative_to(ROOT)}`\n\n```yaml\n{path.read_text()}```\n"
    elif path.suffix == ".md":
        content = path.read_text()
    else:
        return File.generated(config, _uri(path), abs_src_path=str(path))
    return File.generated(config, _uri(path), content=content)
