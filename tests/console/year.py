"""A ledger with a year of life in it, for the pages: `python -m tests.console.year URL`.

The database must be one that is thrown away: its functions read a clock that was moved.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, call, record, spend
from tests.sql.lifecycle import adjust, capture, operate, place, release, reverse

__all__ = ("HOSTILE", "LONG", "fill")

HOSTILE: Final = (
    '<img src="http://127.0.0.1:9/x" onerror="document.title=1"><script>top.ran=1</script>'
)
"""Markup that would run, or ask a server, if a page did not escape it."""

LONG: Final = "PROMOTIONAL_CREDIT_OF_THE_SUMMER_CAMPAIGN_OF_LAST_YEAR"
"""A long name of an operation, for credits of a class and of limited use."""

_PLAN: Final = {"app": "app2", "operation": "PLAN_ALLOWANCE", "owner_id": "alice"}
TURNED: Final = "invoice-\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe"
RIGHT_TO_LEFT: Final = "مستخدم-١٢"
PICTURES: Final = "👩\N{ZERO WIDTH JOINER}🚀 crew ❤\N{VARIATION SELECTOR-16}"


def fill(conn: Connection) -> None:
    """Record a year of an owner, alice, and something of some others, until now."""
    clock = Clock(conn, datetime.now(UTC) - timedelta(days=365))
    random_of_the_year = random.Random(2025)
    call(conn, "define_operation", operation="TOKEN_ADD", description="Tokens", asset="TOKEN",
         min_amount=1, max_amount=100)  # fmt: skip
    call(conn, "allow_operation", app="app2", operation="TOKEN_ADD")
    record(conn, operation="SIGNUP_CREDIT", nonce="signup-alice")
    record(conn, owner_id="alice", app="app2", operation="TOKEN_ADD", amount=40)
    for day in range(365):
        _a_day(conn, clock, random_of_the_year, day)
        clock.forward(hours=random_of_the_year.randint(1, 6))
        # To the same hour of the next day.
        clock.set(datetime.now(UTC) - timedelta(days=364 - day))
    _the_last_hours(conn, clock)
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.clock() RETURNS timestamptz LANGUAGE sql"
        " AS 'SELECT clock_timestamp()'"
    )
    conn.execute("DROP SCHEMA ledger_test CASCADE")
    call(
        conn,
        "define_operation",
        operation="CONTENT_CREATION",
        description="Publishing one piece of content",
        default_amount=-6,
    )


def _a_day(conn: Connection, clock: Clock, chance: random.Random, day: int) -> None:
    if day == 0:
        # So that today is in the middle of a period, whichever day it is.
        begun = {"starts_at": clock.ahead(days=-12), "time_zone": "Europe/Berlin"}
        call(conn, "grant_allowance", **_PLAN, **begun, nonce="plan", amount=500,
             carry_over_most=100, metadata={"plan": "pro"})  # fmt: skip
    if day == 180:
        call(conn, "grant_allowance", **_PLAN, nonce="trial", period="week", amount=300)
    if day == 183:
        call(conn, "end_allowance", app="app2", allowance_nonce="trial", forfeit=True)
    if chance.random() < 0.5:
        record(conn, operation="DAILY_REWARD")
    if chance.random() < 0.06:
        record(conn, amount=chance.choice([50, 100, 200]), metadata={"invoice": f"2025-{day:04}"})
    for _ in range(chance.randint(0, 1)):
        record(conn, app="app2", operation="TOKENS_USED", amount=-chance.randint(5, 60))
        clock.forward(minutes=chance.randint(1, 50))
    if chance.random() < 0.2:
        record(conn, operation="CONTENT_CREATION", nonce=f"post-{day}")
    if day in (100, 250):
        reverse(conn, f"post-{_last_post(conn)}", metadata={"why": "published twice"})
    if day == 120:
        adjust(conn, 25, actor="Kim of support", reason="Outage of 3 March", nonce="ticket-4711")
    if day == 200:
        place(conn, 80, app="app2", operation="TOKENS_USED", nonce="job-200", expires_in="6 hours")
        clock.forward(hours=1)
        capture(conn, "job-200", 55, app="app2")
    if day == 201:
        place(conn, 30, nonce="job-201", expires_in="6 hours")
        release(conn, "job-201")
    if day == 220:
        operate(conn, "freeze_account", actor="Lee", reason="Chargeback, see ticket 4800")
        clock.forward(hours=2)
        operate(conn, "unfreeze_account", actor="Lee", reason="Paid")
    if day % 7 == 0:
        for number in range(1, 6):
            record(conn, owner_id=f"user-{number:03}", amount=chance.randint(1, 90))


def _last_post(conn: Connection) -> str:
    row = conn.execute(
        "SELECT max(seq), (array_agg(nonce ORDER BY seq DESC))[1] FROM ledger.entries"
        " WHERE owner_id = 'alice' AND operation = 'CONTENT_CREATION'"
    ).fetchone()
    assert row is not None
    return str(row[1]).removeprefix("post-")


def _the_last_hours(conn: Connection, clock: Clock) -> None:
    clock.set(datetime.now(UTC) - timedelta(hours=3))
    place(conn, 120, app="app2", operation="TOKENS_USED", nonce="job-900", expires_in="2 days",
          metadata={"model": "large", "price": "12345678901234567.89"})  # fmt: skip
    place(conn, 15, nonce="cart-17", expires_in="5 hours")
    record(conn, operation="CREDIT_ADD", amount=75, expires_at=clock.ahead(days=4), nonce="promo")
    for owner_id in (RIGHT_TO_LEFT, PICTURES, TURNED, "a/b?c#d", HOSTILE):
        record(conn, owner_id=owner_id, amount=12)
    record(
        conn,
        owner_id=HOSTILE,
        amount=7,
        nonce=HOSTILE,
        metadata={HOSTILE: HOSTILE},
        claim_subject=HOSTILE,
    )
    place(conn, 3, owner_id=HOSTILE, nonce=f"hold {HOSTILE}", metadata={"x": HOSTILE})
    adjust(conn, 1, owner_id=HOSTILE, actor=HOSTILE, reason=HOSTILE, nonce="adjust hostile")
    call(conn, "define_operation", operation="ODD", description=HOSTILE, default_amount=1)
    call(conn, "allow_operation", app="app1", operation="ODD")
    _of_classes(conn, clock)
    operate(conn, "set_min_balance", owner_id="user-001", min_balance=-50, reason="Good customer")
    record(conn, owner_id="frozen", amount=9)
    operate(conn, "freeze_account", owner_id="frozen", reason="Under review")
    clock.set(datetime.now(UTC) - timedelta(minutes=5))
    spend(conn, 4)


def _of_classes(conn: Connection, clock: Clock) -> None:
    """Give carol credits of classes, and a daily allowance of them."""
    rule = {
        "description": "Of last summer",
        "default_amount": 20,
        "min_amount": 1,
        "max_amount": 1000,
        "credit_class": "free",
        "usable_for": ["CONTENT_CREATION", "TOKENS_USED"],
        "usable_in": ["app1", "app2"],
    }
    call(conn, "define_operation", operation=LONG, **rule)
    call(conn, "allow_operation", app="app2", operation=LONG)
    of_carol = {"owner_id": "carol"}
    record(conn, **of_carol, amount=40)
    record(conn, **of_carol, app="app2", operation=LONG, expires_at=clock.ahead(days=30))
    record(conn, **of_carol, operation="CONTEST_PRIZE", amount=25)
    call(conn, "grant_allowance", **of_carol, app="app2", operation=LONG, nonce="summer of carol",
         amount=15, period="day", carry_over_most=5, carry_over_for=3)  # fmt: skip
    record(conn, **of_carol, operation="CONTENT_CREATION")


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        fill(connection)
