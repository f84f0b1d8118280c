"""MkDocs hook: replaces the comment `<!-- configs -->` in a page by a table of the shipped configs."""

from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
PLACE = "<!-- configs -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Insert the table, with a link to each config."""
    return markdown.replace(PLACE, config_table()) if PLACE in markdown else markdown


def config_table() -> str:
    """Return a Markdown table of the configs, with links as seen from a page in `docs/reference/`."""
    rows = [f"| [{path.name}](../../configs/{path.name}) | {_title(path)} |" for path in sorted(CONFIGS.glob("*.yaml"))]
    return "\n".join(["| config | content |", "|---|---|", *rows])


def _title(path: Path) -> str:
    return path.read_text().partition("\n")[0].lstrip("# ")
