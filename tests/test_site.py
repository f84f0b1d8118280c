"""The documentation: the site builds strictly and offline, the README is short, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
#: Pages on GitHub whose links MkDocs does not check.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
#: A script, style sheet, picture or font that a page loads.
LOADED = re.compile(r"<(?:script|img|link rel=\"(?:stylesheet|icon|preconnect)\")[^>]*?(?:src|href)=\"?([^\" >]+)")


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_loads_nothing_from_other_hosts(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 100
    loaded = {address for page in pages for address in LOADED.findall(page.read_text())}
    assert loaded
    assert not [address for address in loaded if "//" in address and not address.startswith("data:")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\((?![a-z]+:|#)([^)\s#]+)[^)]*\)", text):
        assert (page.parent / link).exists(), link


def test_the_readme_is_short_and_names_the_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    assert {"make demo", "make test", "make docs"} <= set(re.findall(r"make \w+", text))


@pytest.mark.parametrize(("page", "name"), [("add_a_task", "corridor"), ("add_a_core", "minimal_core")])
def test_the_pages_show_a_task_and_a_core_that_are_tested(page: str, name: str) -> None:
    shown = re.findall(r"^```python\n(.*?)^```$", (DOCS / "how_to" / f"{page}.md").read_text(), re.M | re.S)[0]
    tested = (ROOT / "tests" / "outside" / f"{name}.py").read_text()
    assert shown in tested or tested.endswith(shown)
