"""The pages in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ledger_py.console import Console
from ledger_py.console.showing import address
from tests.console.conftest import make_console
from tests.console.pictures import PAGES, open_whole, take
from tests.console.year import HOSTILE, LONG
from tests.fixtures.browser import CHROMIUM, Browser, Page
from tests.http.running import running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def console(year_login: str) -> Console:
    return make_console(year_login)


@pytest.fixture(scope="module")
def site(console: Console) -> Iterator[str]:
    with running(console) as client:
        yield str(client.base_url)


@pytest.fixture
def browser(chromium: Browser, console: Console, site: str) -> Iterator[Page]:
    with chromium.page() as page:
        page.open(f"{site}/?token={console.desk.access.new_token()}")
        page.wait_for("location.search === '' && document.querySelector('footer') !== null")
        yield page


def test_token_leaves_the_address_and_the_cookie_is_out_of_reach(browser: Page, site: str) -> None:
    assert browser.run("location.href") == f"{site}/"
    assert browser.run("document.cookie") == ""


def test_stored_markup_does_nothing(browser: Page, site: str) -> None:
    pages = (
        "",
        address("owner", owner_id=HOSTILE),
        address("search", q=HOSTILE),
        address("verify", owner_id=HOSTILE),
        "operations",
        "finance",
    )
    for path in pages:
        open_whole(browser, f"{site}/{path}")
        assert browser.run("typeof top.ran") == "undefined"
        assert browser.run("document.title") != "1"
        assert browser.run("document.querySelectorAll('img, iframe, object').length") == 0
    assert browser.failures == []
    assert browser.blocked == []
    assert {url.split("/")[2] for url in browser.requested} == {site.split("/")[2]}


def test_books_are_compared_when_the_page_is_there(browser: Page, site: str) -> None:
    open_whole(browser, f"{site}/")
    browser.wait_for("document.getElementById('books').innerText.includes('They tie')")


def test_search_answers_while_typing(browser: Page, site: str) -> None:
    open_whole(browser, f"{site}/operations")
    browser.run(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true}))"
    )
    assert browser.run("document.activeElement.id") == "q"
    browser.run(
        "(() => { const box = document.getElementById('q'); box.value = 'user-00';"
        " box.dispatchEvent(new Event('input', {bubbles: true})) })()"
    )
    browser.wait_for("document.querySelectorAll('#found li').length === 5")
    browser.run(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))"
    )
    assert browser.run("document.getElementById('found').childElementCount") == 0


def test_earlier_entries_come_below(browser: Page, site: str) -> None:
    open_whole(browser, f"{site}/owner?owner_id=alice")
    assert browser.run("document.querySelectorAll('.entries [id^=entry-]').length") == 25
    browser.run("document.querySelector('.more a').click()")
    browser.wait_for("document.querySelectorAll('.entries [id^=entry-]').length === 50")
    assert browser.run(
        "(() => { const all = [...document.querySelectorAll('.entries [id^=entry-]')]"
        ".map(row => +row.id.slice(6));"
        " return all.every((n, i) => i === 0 || n === all[i - 1] - 1) })()"
    )


def test_owner_is_verified_in_place(browser: Page, site: str) -> None:
    open_whole(browser, f"{site}/owner?owner_id=alice")
    browser.run("document.querySelector('#verified a').click()")
    browser.wait_for("document.getElementById('verified').innerText.includes('was recomputed')")
    assert browser.run("location.pathname") == "/owner"


def test_failure_of_a_part_has_words(browser: Page, site: str) -> None:
    open_whole(browser, f"{site}/owner?owner_id=alice")
    browser.run("htmx.ajax('GET', 'entries?owner_id=alice&before=x', '#verified').then(() => 1)")
    browser.wait_for("document.getElementById('verified').innerText.includes('Out of range')")


@pytest.mark.parametrize("span", ["7d", "30d", "1y", "all"])
def test_curve_is_drawn(browser: Page, site: str, span: str) -> None:
    open_whole(browser, f"{site}/owner?owner_id=alice&span={span}")
    browser.wait_for("document.querySelector('#curve canvas') !== null")
    painted = (
        "(() => { const c = document.querySelector('#curve canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return d.some(value => value !== 0) })()"
    )
    browser.wait_for(painted)
    assert browser.failures == []


def test_page_fits_a_telephone(browser: Page, site: str) -> None:
    browser.look(width=390)
    for path in ("", "owner?owner_id=alice", address("owner", owner_id=HOSTILE), "operations"):
        open_whole(browser, f"{site}/{path}")
        assert browser.run("document.documentElement.scrollWidth") <= 390


_OVERLAPPING: Final = """
[...document.querySelectorAll('.entries tr')].filter(row => {
  const [operation, amount] = ['.operation', '.amount'].map(name => row.querySelector(name));
  if (!operation) return false;
  const words = document.createRange();
  words.selectNodeContents(operation);
  return [...words.getClientRects()].some(line => line.right > amount.getBoundingClientRect().left);
}).length
"""
_CUT_OFF: Final = """
[...document.querySelectorAll('.scroll')]
  .filter(it => it.offsetParent && it.scrollWidth > it.clientWidth + 1)
  .map(it => it.closest('section').getAttribute('aria-labelledby'))
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_neither_overlap_nor_are_cut_off(browser: Page, site: str, width: int) -> None:
    browser.look(width=width)
    open_whole(browser, f"{site}/owner?owner_id=carol")
    assert LONG in browser.run("document.querySelector('.entries').textContent")
    assert browser.run(_OVERLAPPING) == 0
    cut = browser.run(_CUT_OFF)
    # On a telephone these two can be scrolled.
    assert set(cut) <= ({"coming", "curve-title"} if width == 390 else set())


def test_pictures_can_be_taken(browser: Page, site: str, tmp_path: Path) -> None:
    take(browser, f"{site}/", tmp_path, looks=("dark",))
    taken = {file.name for file in tmp_path.iterdir()}
    assert taken == {f"{name}-dark.png" for name in PAGES}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in tmp_path.iterdir())
