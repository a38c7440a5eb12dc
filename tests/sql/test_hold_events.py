"""The journal of holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, fails, record, rows
from tests.sql.hash_chain import hold_events_as_stored
from tests.sql.lifecycle import capture, extend, place, release, reverse


@pytest.fixture
def clock(tx: Connection) -> Iterator[Clock]:
    yield Clock(tx, "2030-01-31T12:00:00Z")
    assert rows(tx, "verify") == []


def events(conn: Connection, hold_nonce: str = "h") -> list[Row]:
    """Read the events of a hold of alice, oldest first."""
    return [
        line for line in hold_events_as_stored(conn, "alice") if line["hold_nonce"] == hold_nonce
    ]


def told(lines: list[Row]) -> list[tuple[str, str, int]]:
    """Return of each event its kind, and the status and captured amount of the hold after it."""
    return [(it["event"], it["hold"]["status"], it["hold"]["captured"]) for it in lines]


def test_events_of_a_hold_show_its_changes(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 30, nonce="h", metadata={"job": 7})
    first = capture(tx, "h", 10, final=False)
    extend(tx, "h", "1 day")
    last = capture(tx, "h", 5)
    assert told(events(tx)) == [
        ("placed", "open", 0),
        ("captured", "open", 10),
        ("extended", "open", 10),
        ("captured", "captured", 15),
    ]
    assert [it["seq"] for it in events(tx)] == [None, first["seq"], None, last["seq"]]
    placed = events(tx)[0]["hold"]
    assert (placed["operation"], placed["amount"]) == ("CREDIT_SPEND", 30)
    assert (placed["expires_in"], placed["metadata"]) == ("00:15:00", {"job": 7})


def test_event_shows_the_reserved_lots(tx: Connection) -> None:
    lot = record(tx, amount=8, expires_at="2099-01-01T00:00:00Z")
    record(tx, amount=100)
    place(tx, 30, nonce="h")
    capture(tx, "h", 5, final=False)
    capture(tx, "h", 20)
    assert [it["hold"]["lots"] for it in events(tx)] == [
        {str(lot["seq"]): 8},
        {str(lot["seq"]): 3},
        {},
    ]


def test_released_hold_is_noted_once(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 30, nonce="h")
    release(tx, "h")
    release(tx, "h")
    assert told(events(tx)) == [("placed", "open", 0), ("released", "released", 0)]


def test_next_write_notes_an_expired_hold_as_of_its_end(tx: Connection, clock: Clock) -> None:
    record(tx, amount=100)
    hold = place(tx, 30, nonce="h")
    clock.forward(days=1)
    assert told(events(tx)) == [("placed", "open", 0)]
    record(tx)
    assert told(events(tx)) == [("placed", "open", 0), ("expired", "expired", 0)]
    assert events(tx)[-1]["happened_at"] == hold["expires_at"]


def test_calls_without_effect_are_not_noted(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 30, nonce="h", expires_in="1 day")
    place(tx, 30, nonce="h", expires_in="1 day")
    extend(tx, "h", "1 minute")
    capture(tx, "h", 10, nonce="c", final=False)
    capture(tx, "h", 10, nonce="c", final=False)
    with fails(tx, "LG301"):
        place(tx, 1000, nonce="too much")
    assert [it["event"] for it in events(tx)] == ["placed", "captured"]
    assert len(hold_events_as_stored(tx, "alice")) == 2


def test_reversal_of_a_capture_is_not_an_event_of_the_hold(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 30, nonce="h")
    capture(tx, "h", nonce="c")
    reverse(tx, "c")
    assert [it["event"] for it in events(tx)] == ["placed", "captured"]


# Verifying holds by the journal


@pytest.mark.parametrize(
    "change",
    [
        "amount = 40",
        "expires_in = '16 minutes'",
        "metadata = NULL",
        "placed_at = placed_at - interval '1 us'",
        "nonce = 'other'",
    ],
)
def test_hold_changed_without_the_functions_is_found(tx: Connection, change: str) -> None:
    record(tx, amount=100)
    place(tx, 30, nonce="h", metadata={"job": 7})
    release(tx, "h")
    tx.execute(f"UPDATE ledger.holds SET {change}".encode())
    found = [row for row in rows(tx, "verify") if row["problem"] == "hold not as last noted"]
    assert "h" in [row["detail"]["nonce"] for row in found]
