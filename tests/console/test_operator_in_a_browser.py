"""Operators' actions in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger_py.console import Console
from ledger_py.console.showing import address
from tests.console.conftest import auditor, make_console
from tests.console.pictures import ACTIONS, LOADED, fill_in, open_whole, take_actions
from tests.console.year import HOSTILE
from tests.fixtures.browser import CHROMIUM, Browser, Page
from tests.http.running import running
from tests.sql.calls import Connection, balance, entries, record

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def opened(console: Console, client: httpx.Client, page: Page) -> str:
    """Open a console, and give its address."""
    site = str(client.base_url).rstrip("/") + "/"
    page.open(f"{site}?token={console.desk.access.new_token()}")
    page.wait_for("location.search === '' && document.querySelector('footer') !== null")
    return site


@pytest.fixture
def browser(chromium: Browser, ledger_db: str) -> Iterator[tuple[Page, str]]:
    with auditor(ledger_db, group="ledger_operator") as url:
        console = make_console(url, operator=True)
        with running(console) as client, chromium.page() as page:
            yield page, opened(console, client, page)


def test_double_click_adjusts_once(browser: tuple[Page, str], conn: Connection) -> None:
    record(conn, amount=10)
    page, site = browser
    fill_in(page, f"{site}adjust?owner_id=alice", {"amount": "25"})
    assert "Nothing is done yet" in page.run("document.body.innerText")

    page.run(
        "window.left = false; for (const n of [1, 2])"
        " document.querySelector('[name=confirm]').click()"
    )
    page.wait_for(f"window.left === undefined && {LOADED}")

    assert "recorded as entry no.\N{NO-BREAK SPACE}2." in page.run(
        "document.querySelector('.done').innerText"
    )
    assert (len(entries(conn)), balance(conn)) == (2, 35)


def test_markup_of_an_operator_does_nothing(browser: tuple[Page, str], conn: Connection) -> None:
    record(conn, owner_id=HOSTILE, amount=10)
    page, site = browser
    said = {"reason": HOSTILE, "actor": HOSTILE}
    fill_in(page, site + address("freeze", owner_id=HOSTILE), said)
    page.run("window.left = false; document.querySelector('[name=confirm]').click()")
    page.wait_for(f"window.left === undefined && {LOADED}")
    assert "Frozen since" in page.run("document.body.innerText")
    open_whole(page, site + address("unfreeze", owner_id=HOSTILE))
    assert page.run("typeof top.ran") == "undefined"
    assert page.run("document.querySelectorAll('img, iframe, object').length") == 0
    assert page.failures == []
    assert page.blocked == []


def test_pages_of_actions_fit_a_telephone(chromium: Browser, year_db: str, tmp_path: Path) -> None:
    with psycopg.connect(year_db, autocommit=True) as conn:
        before = conn.execute("SELECT count(*) FROM ledger.operator_actions").fetchone()
        with auditor(year_db, group="ledger_operator") as url:
            console = make_console(url, operator=True)
            with running(console) as client, chromium.page() as page:
                site = opened(console, client, page)
                take_actions(page, site, tmp_path, looks=("light", "narrow"))
                for path, fields in list(ACTIONS.values())[1:]:
                    fill_in(page, site + path, fields)
                    assert page.run("document.documentElement.scrollWidth") <= 390
        after = conn.execute("SELECT count(*) FROM ledger.operator_actions").fetchone()
    assert {file.name for file in tmp_path.iterdir()} == {
        f"{name}-{look}.png" for name in ACTIONS for look in ("light", "narrow")
    }
    assert before == after
