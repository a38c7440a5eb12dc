"""The site of the documents, for Sphinx: `make docs`."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

project = "Shared Ledger"
author = "Shared Ledger contributors"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "sql/*.md", "apps/*/*.md", "tests/**.md"]
exclude_patterns = ["tests/migration/released", "tests/packaging"]

# The anchors of the forge, which links between the pages use.
myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]
highlight_language = "text"
# Quotes that span lines, and bodies of functions, are only coloured less.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "Shared Ledger"
html_show_sourcelink = False
html_show_copyright = False
# The summary of a result would be fetched, which browsers refuse to pages from the disk.
html_show_search_summary = False
html_additional_pages = {"index": "start.html"}
templates_path = ["templates"]
html_theme_options = {"top_of_page_buttons": []}


def add_navigation(_, document, source):
    """Make the table of contents of what the index links to, under its headings."""
    if document != root_doc:
        return
    for section in source[0].split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        links = re.findall(r"^\| \[[^\]]+\]\(([^)#]+)\.md\)", text, re.MULTILINE)
        pages = [(ROOT / "docs" / link).resolve().relative_to(ROOT) for link in links]
        lines = [
            "```{toctree}",
            ":hidden:",
            f":caption: {heading}",
            "",
            *(f"/{page}" for page in pages),
        ]
        source[0] += "\n" + "\n".join(lines) + "\n```\n"


def setup(app):
    """Register what this project adds to Sphinx."""
    app.connect("source-read", add_navigation)
