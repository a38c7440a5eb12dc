"""The site of the documents: it is built without a warning, and works from the disk."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.fixtures.browser import Browser, Page

SPHINX = PROJECT_ROOT / ".venv/docs/bin/sphinx-build"
OPTIONS = (
    "--quiet",
    "--fail-on-warning",
    "--keep-going",
    "--fresh-env",
    "-j",
    "2",
    "-c",
    "docs/site",
)

pytestmark = pytest.mark.skipif(not SPHINX.exists(), reason="`make docs` has not been run here")


def is_up_to_date(site: Path) -> bool:
    """Tell whether a site is newer than everything that it is made from."""
    index = site / "index.html"
    sources = (*PROJECT_ROOT.glob("*.md"), *PROJECT_ROOT.glob("[!.b]*/**/*.md"))
    configuration = (PROJECT_ROOT / "docs").rglob("*.*")
    return index.exists() and index.stat().st_mtime > max(
        file.stat().st_mtime for file in (*sources, *configuration)
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = PROJECT_ROOT / "build/docs"
    if is_up_to_date(made):
        return made
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [SPHINX, *OPTIONS, ".", folder],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Page]:
    with chromium.page() as page:
        yield page


def test_makefile_builds_it_with_the_same_options() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")

    assert f"/sphinx-build {' '.join(OPTIONS)} . build/docs\n" in makefile


def test_no_page_names_another_machine_to_fetch_from(site: Path) -> None:
    fetched = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"((?:\w+:)?//[^\"]*)")

    assert {
        found
        for file in site.rglob("*.html")
        for found in fetched.findall(file.read_text(encoding="utf-8"))
    } == set()


def test_start_leads_to_the_index(site: Path, browser: Page) -> None:
    browser.open(f"file://{site}/index.html")

    browser.wait_for("location.pathname.endsWith('/docs/index.html') && !!document.title")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("record_entry", "reference/sql.html"),
        ("insufficient_balance", "reference/refusals.html"),
        ("pgledger", "choosing.html"),
    ],
)
def test_search_works_from_the_disk(site: Path, browser: Page, words: str, found: str) -> None:
    browser.open(f"file://{site}/search.html?q={words}")

    browser.wait_for(f"!!document.querySelector('#search-results a[href*=\"{found}\"]')")
    assert [url for url in browser.requested if not url.startswith(("file:", "data:"))] == []
    assert browser.failures == []
