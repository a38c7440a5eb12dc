"""Whatever fails, the answer is a page with words."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import anyio
import httpx
import psycopg
import pytest

from ledger_py.console.books import Books, Reading
from ledger_py.embedded import embedded_server
from ledger_py.migrate import migrate
from ledger_py.settings import Settings
from tests.console.conftest import Visitor, make_console, visiting
from tests.console.reading import words
from tests.http.running import wait_until
from tests.sql.calls import Connection, record

PAGES = (
    "/",
    "/owner?owner_id=alice",
    "/operations",
    "/finance",
    "/search?q=al",
    "/verify?owner_id=alice",
)

LONG = "x" * 256
ODD_ADDRESSES = (
    "/owner",
    "/owner?owner_id=",
    f"/owner?owner_id={LONG}",
    "/owner?owner_id=%00",
    "/owner?owner_id=%ff",
    "/owner?owner_id=%ed%a0%80",
    "/owner?owner_id=alice&asset=credit",
    "/owner?owner_id=alice&asset=%27",
    "/owner?owner_id=alice&before=0",
    "/owner?owner_id=alice&before=-1",
    "/owner?owner_id=alice&before=1.5",
    "/owner?owner_id=alice&before=9223372036854775808",
    "/owner?owner_id=alice&before=%D9%A1",
    "/owner?owner_id=alice&rows=0",
    "/owner?owner_id=alice&rows=many",
    "/owner?owner_id=alice&span=century",
    "/entries",
    "/entries?owner_id=alice&before=x",
    "/verify",
    "/verify?owner_id=%00",
    f"/search?q={LONG}",
    "/search?q=%00",
    "/operations?operation=%00",
)


def assert_is_a_page(answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Traceback" not in answer.text
    assert "psycopg" not in answer.text


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_what_can_be_typed_is_refused_with_words(year: httpx.Client, address: str) -> None:
    answer = year.get(address)
    assert answer.status_code == 422
    assert_is_a_page(answer)


@pytest.mark.parametrize("path", ["/nothing", "/static/nothing", "/a/b/c", "/static/..%2fapp.py"])
def test_unknown_addresses_are_not_found(year: httpx.Client, path: str) -> None:
    answer = year.get(path)
    assert answer.status_code == 404
    assert_is_a_page(answer)


def test_wrong_methods_are_refused(year: httpx.Client) -> None:
    for answer in (year.get("/leave"), year.post("/owner"), year.delete("/")):
        assert answer.status_code == 405
        assert_is_a_page(answer)


def test_large_bodies_are_refused(visitor: Visitor) -> None:
    client = visitor()
    answer = client.post("/leave", data={"form_token": "0" * 100_000})
    assert answer.status_code == 413
    assert_is_a_page(answer)
    assert client.get("/operations").status_code == 200


def test_page_that_takes_too_long_says_so(visitor: Visitor, conn: Connection) -> None:
    record(conn)
    client = visitor(console_timeout=0.3)
    # As slow as a ledger of any size: each row of the balances waits.
    conn.execute(
        "CREATE OR REPLACE VIEW ledger.open_holds AS SELECT owner_id, asset, app, operation, nonce,"
        " amount, captured, amount - captured AS remaining, placed_at, expires_at, metadata,"
        " spender, quantity FROM ledger.holds, pg_sleep(60)"
    )

    answer = client.get("/")

    assert answer.status_code == 503
    assert "longer than 0.3 seconds" in words(answer)
    assert_is_a_page(answer)
    assert client.get("/operations").status_code == 200


def test_sums_that_take_too_long_are_not_tried_again_unasked(
    visitor: Visitor, conn: Connection
) -> None:
    client = visitor(console_timeout=0.3)
    assert 'hx-get="books" hx-trigger="load"' in client.get("/").text
    view = conn.execute("SELECT pg_get_viewdef('ledger.trial_balance')").fetchone()
    assert view is not None
    slow = view[0].rstrip(";") + ", pg_sleep(60)"
    conn.execute(f"CREATE OR REPLACE VIEW ledger.trial_balance AS {slow}".encode())

    assert client.get("/books").status_code == 503

    assert 'hx-trigger="load"' not in client.get("/").text
    assert "waits to be asked" in words(client.get("/"))
    conn.execute(f"CREATE OR REPLACE VIEW ledger.trial_balance AS {view[0]}".encode())
    assert client.get("/books").status_code == 200
    assert 'hx-trigger="load"' in client.get("/").text


def test_part_of_a_page_fails_as_a_part(visitor: Visitor) -> None:
    answer = visitor().get("/search?q=%00", headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "<html" not in answer.text
    assert "No such text" in answer.text


def test_console_recovers_when_the_database_was_away() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as server:
        url = server.enter_context(embedded_server(Path(folder)))
        migrate(url)
        with visiting(make_console(url, pool_timeout=0.5)) as client:
            assert client.get("/").status_code == 200

            server.close()
            for path in PAGES:
                answer = client.get(path)
                assert answer.status_code == 503
                assert "The database is away" in words(answer)
                assert_is_a_page(answer)
            assert client.get("/static/console.css").status_code == 200

            server.enter_context(embedded_server(Path(folder)))
            wait_until(lambda: client.get("/").status_code == 200)


def test_login_that_lost_its_rights_is_told_so(visitor: Visitor, conn: Connection) -> None:
    client = visitor()
    conn.execute("REVOKE SELECT ON ledger.accounts FROM ledger_auditor")
    answer = client.get("/owner?owner_id=alice")
    assert answer.status_code == 503
    assert "The console may not read this" in words(answer)


def test_older_ledger_is_told_apart(visitor: Visitor, conn: Connection) -> None:
    client = visitor()
    conn.execute("DROP VIEW ledger.open_holds")
    answer = client.get("/")
    assert answer.status_code == 503
    assert "ledger migrate" in words(answer)


def test_fault_of_the_console_is_a_page_too(
    year: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Reading, "rows", fail)
    answer = year.get("/operations")
    assert answer.status_code == 500
    assert_is_a_page(answer)
    assert "secret" not in answer.text


def test_transactions_of_pages_cannot_write(ledger_db: str, conn: Connection) -> None:
    # With the rights of the owner, so that nothing but the transaction is in the way.
    record(conn)

    async def write() -> None:
        books = Books(Settings())
        await books.open(ledger_db)
        try:
            await books.read(
                lambda reading: reading.rows(
                    "SELECT * FROM ledger.adjust_balance(owner_id => 'alice', amount => 1,"
                    " nonce => 'n', actor => 'a', reason => 'r')"
                )
            )
        finally:
            await books.close()

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        anyio.run(write)


def test_login_of_the_console_cannot_write(login: str) -> None:
    with psycopg.connect(login, autocommit=True) as conn:
        for statement in (
            "UPDATE ledger.accounts SET balance = 1",
            "SELECT * FROM ledger.record_entry(app => 'app1', owner_id => 'alice',"
            " operation => 'CREDIT_ADD', nonce => 'n')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())
