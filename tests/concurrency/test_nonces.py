"""One nonce for two requests at the same moment: only one of them is recorded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.concurrency.callers import all_at_once, wait_until_blocked
from tests.sql.calls import Connection, new_nonce, record, rows, scalar
from tests.sql.lifecycle import capture, place, reverse

Taker = Callable[[Connection, str], Any]


def take_by_entry(conn: Connection, owner_id: str) -> Any:
    return record(conn, owner_id=owner_id, nonce="n")


def take_by_first_entry(conn: Connection, owner_id: str) -> Any:
    return record(conn, owner_id=f"new-{owner_id}", nonce="n")


def take_by_batch(conn: Connection, owner_id: str) -> Any:
    items = [
        {"owner_id": name, "operation": "CREDIT_ADD", "nonce": nonce}
        for name, nonce in ((f"{owner_id}-2", f"{owner_id}-2"), (owner_id, "n"))
    ]
    return rows(conn, "record_entries", app="app1", entries=Jsonb(items), atomic=True)


def take_by_hold(conn: Connection, owner_id: str) -> Any:
    return place(conn, owner_id=owner_id, nonce="n", amount=1)


def take_by_capture(conn: Connection, owner_id: str) -> Any:
    return capture(conn, f"hold of {owner_id}", nonce="n", amount=1)


def take_by_reversal(conn: Connection, owner_id: str) -> Any:
    return reverse(conn, f"grant of {owner_id}", nonce="n", amount=1)


TAKERS: tuple[Taker, ...] = (
    take_by_entry,
    take_by_first_entry,
    take_by_batch,
    take_by_hold,
    take_by_capture,
    take_by_reversal,
)
PAIRS = [
    pytest.param(
        first, second, id=f"{first.__name__} then {second.__name__}".replace("take_by_", "")
    )
    for first, second in product(TAKERS, TAKERS)
]
NONCES_TO_RACE_FOR = 200


@pytest.fixture(autouse=True)
def _accounts(conn: Connection) -> None:
    for owner_id in ("alice", "bob"):
        record(conn, owner_id=owner_id, nonce=f"grant of {owner_id}", amount=1000)
        record(conn, owner_id=f"{owner_id}-2")
        place(conn, owner_id=owner_id, nonce=f"hold of {owner_id}", amount=10)


def attempt(conn: Connection, taker: Taker) -> str:
    """Take the nonce for bob; return the SQLSTATE of a refusal, or an empty text."""
    try:
        taker(conn, "bob")
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return ""


def takers_of(conn: Connection, nonce: str) -> int:
    return int(
        scalar(
            conn,
            "SELECT (SELECT count(*) FROM ledger.entries WHERE nonce = %s)"
            " + (SELECT count(*) FROM ledger.holds WHERE nonce = %s)",
            nonce,
            nonce,
        )
    )


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("kept", [True, False])
def test_request_waits_for_another_that_takes_its_nonce(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    first: Taker,
    second: Taker,
    kept: bool,
) -> None:
    one, other = pair
    with one.transaction(force_rollback=not kept):
        first(one, "alice")
        waiting = thread.submit(attempt, other, second)
        wait_until_blocked(conn, other)

    assert waiting.result() == ("LG201" if kept else "")
    assert takers_of(conn, "n") == 1


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize(
    "isolation", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]
)
def test_nonce_taken_after_the_snapshot_of_a_transaction_is_refused(
    pair: tuple[Connection, Connection],
    conn: Connection,
    first: Taker,
    second: Taker,
    isolation: psycopg.IsolationLevel,
) -> None:
    one, other = pair
    other.isolation_level = isolation
    with other.transaction(force_rollback=True):
        other.execute("SELECT 1")
        first(one, "alice")
        assert attempt(other, second) == "40001"
    assert takers_of(conn, "n") == 1


def test_entries_and_holds_of_two_owners_race_for_each_nonce(
    ledger_db: str, conn: Connection
) -> None:
    nonces = [new_nonce() for _ in range(NONCES_TO_RACE_FOR)]
    answers = all_at_once(
        ledger_db,
        [
            call
            for nonce in nonces
            for call in (
                partial(place, owner_id="alice", nonce=nonce, amount=1),
                partial(record, owner_id="bob", nonce=nonce, amount=1),
            )
        ],
    )
    assert [takers_of(conn, nonce) for nonce in nonces] == [1] * NONCES_TO_RACE_FOR
    assert [answer for answer in answers if isinstance(answer, str)] == ["LG201"] * len(nonces)
