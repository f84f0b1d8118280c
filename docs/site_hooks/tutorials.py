"""MkDocs hook: lists every notebook in `docs/tutorials/` in the navigation, and on the page that introduces them."""

import json
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"
PLACE = "<!-- tutorials -->"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the notebooks to the tab "Tutorials"."""
    (tab,) = (entry["Tutorials"] for entry in config.nav or [] if "Tutorials" in entry)
    tab += [f"tutorials/{path.name}" for path in notebooks()]
    return config


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the comment `<!-- tutorials -->` by links to the notebooks."""
    return markdown.replace(PLACE, "\n".join(f"- [{title(path)}]({path.name})" for path in notebooks()))


def notebooks() -> list[Path]:
    """Return the notebooks, by their names."""
    return sorted(TUTORIALS.glob("*.ipynb"))


def title(notebook: Path) -> str:
    """Return the first heading of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = [line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).split("\n")]
    return next((line.lstrip("# ") for line in lines if line.startswith("# ")), notebook.stem)
