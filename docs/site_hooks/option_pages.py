"""MkDocs hook: adds mkdocstrings' options to every `::: CLASS` of `docs/reference/options.md`."""

import re

from mkdocs.structure.pages import Page

PAGE = "reference/options.md"
CLASS = re.compile(r"^::: \S+$", re.MULTILINE)
OPTIONS = """
    options:
      heading_level: 3
      members: false
      show_bases: false
      show_root_full_path: false
      show_docstring_examples: false
      skip_local_inventory: true"""


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Add mkdocstrings' options to each class of the page."""
    return CLASS.sub(lambda match: match[0] + OPTIONS, markdown) if page.file.src_uri == PAGE else markdown
