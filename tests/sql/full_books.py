"""Books with entries and holds of every kind, for tests of reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, rows, spend
from tests.sql.lifecycle import (
    adjust,
    capture,
    end_by_hand,
    extend,
    grow,
    item,
    operate,
    place,
    record_batch,
    release,
    reverse,
    reverse_by_hand,
)

BEGINNING = "2030-01-31T12:00:00Z"


def fill(conn: Connection, clock: Clock) -> None:
    """Record what `activities` records."""
    for _ in activities(conn, clock):
        pass


def activities(conn: Connection, clock: Clock) -> Iterator[str]:
    """Record every kind of activity, from simple to unusual, and pause after each.

    Args:
        conn: an empty ledger, as its owner.
        clock: the clock of that database; it is moved.

    Yields:
        A description of the activity.
    """
    define(conn)
    yield "operations are defined"

    record(conn, amount=100, nonce="first", metadata={"order": 1, "note": "\\ ☃"})
    clock.forward(hours=1)
    spend(conn, 30, nonce="spent")
    record(conn, operation="CONTENT_ACCESS")
    record(conn, operation="CONTENT_CREATION", claim_subject="device")
    spend(conn, 3, spender="key-7", nonce="by a key")
    reverse(conn, "by a key", 1)
    place(conn, 4, nonce="held by a key", spender="key-7")
    capture(conn, "held by a key", 2)
    yield "plain entries"

    record(conn, operation="SIGNUP_CREDIT", claim_subject="sha256:alice", nonce="signup")
    record(conn, operation="DAILY_REWARD")
    clock.forward(days=1)
    record(conn, operation="DAILY_REWARD", nonce="reward")
    record(conn, owner_id="bob", operation="THRICE", claim_subject="sha256:bob")
    record(conn, owner_id="bob", operation="THRICE", nonce="third")
    record(conn, owner_id="bob", app="app2", operation="PLAN_ALLOWANCE")
    yield "claims"

    reverse(conn, "spent", 10)
    reverse(conn, "spent", metadata={"why": "the rest"})
    reverse(conn, "signup", free_claim=True)
    reverse(conn, "third", 2, free_claim=False)
    yield "reversals"

    record(conn, owner_id="carl", amount=20, nonce="soon", expires_at=clock.ahead(days=2))
    record(conn, owner_id="carl", amount=30, nonce="later", expires_at=clock.ahead(days=9))
    record(conn, owner_id="carl", amount=5)
    spend(conn, 24, owner_id="carl", nonce="of both")
    spend(conn, 2, owner_id="carl")
    reverse(conn, "of both", 6)
    reverse(conn, "later", 3)
    yield "credits that expire"

    clock.forward(days=5)
    yield "an expiry that is due"

    record(conn, owner_id="carl", amount=1)
    yield "an expiry that is posted"

    record(conn, owner_id="dora", amount=50, expires_at=clock.ahead(hours=3))
    record(conn, owner_id="dora", amount=50)
    place(conn, 20, owner_id="dora", nonce="open", metadata={"job": 1})
    place(conn, 20, owner_id="dora", nonce="partly", expires_in="2 days")
    place(conn, 15, owner_id="dora", nonce="both kinds", expires_in="3 days")
    place(conn, 4, owner_id="dora", app="app2", nonce="kept")
    place(conn, 3, owner_id="dora", nonce="given up")
    place(conn, 6, owner_id="dora", nonce="done")
    place(conn, 2, owner_id="dora", nonce="left alone", expires_in="1 minute")
    yield "holds"

    capture(conn, "partly", 5, final=False, nonce="part")
    capture(conn, "done", 4, nonce="most")
    release(conn, "given up")
    extend(conn, "open", "2 hours")
    extend(conn, "kept", "4 days", app="app2")
    clock.forward(minutes=1)
    yield "a hold that is due"

    reverse(conn, "part", 2)
    reverse(conn, "most")
    yield "holds that have ended"

    clock.forward(hours=5)
    record(conn, owner_id="dora", amount=1)
    capture(conn, "both kinds", 7, final=False)
    yield "captures of credits that outlast their time under a hold"

    operate(conn, "set_min_balance", owner_id="erik", min_balance=-100)
    spend(conn, 60, owner_id="erik")
    record(conn, owner_id="erik", amount=40, expires_at=clock.ahead(days=1), nonce="pays debt")
    record(conn, owner_id="erik", amount=50, expires_at=clock.ahead(days=1))
    place(conn, 70, owner_id="erik", nonce="on credit", expires_in="10 days")
    spend(conn, 20, owner_id="erik")
    yield "overdrafts"

    operate(conn, "set_min_balance", owner_id="erik", min_balance=-90)
    adjust(conn, -3, owner_id="erik")
    adjust(conn, 11, owner_id="erik")
    record(conn, owner_id="erik", amount=7, nonce="to erik")
    reverse_by_hand(conn, "to erik", amount=3)
    operate(conn, "freeze_account", owner_id="erik")
    clock.forward(minutes=1)
    operate(conn, "unfreeze_account", owner_id="erik")
    clock.forward(minutes=1)
    operate(conn, "freeze_account", owner_id="erik")
    yield "what operators do"

    call(conn, "define_budget", budget="tokens", most=8, period="ever", asset="TOKEN")
    call(conn, "define_budget", budget="old", most=8, period="ever", asset="TOKEN")
    call(conn, "undefine_budget", budget="old", asset="TOKEN")
    by = {"actor": "Ann", "reason": "Because"}
    each = {"budget": "each", "period": "day", "spender": "*"}
    record(conn, owner_id="vera", amount=500)
    call(conn, "set_budget", owner_id="vera", budget="all", most=90, period="month", **by)
    call(conn, "set_budget", owner_id="vera", most=40, **each, **by)
    call(conn, "set_budget", owner_id="vera", most=60, **each | {"spender": "key-8"}, **by)
    call(conn, "set_budget", owner_id="vera", budget="gone", most=1, period="ever", **by)
    call(conn, "drop_budget", owner_id="vera", budget="gone", **by)
    call(conn, "set_budget", owner_id="vera", budget="all", most=95, period="month", **by)
    spend(conn, 5, owner_id="vera", spender="key-7")
    spend(conn, 6, owner_id="vera", spender="key-8")
    spend(conn, 7, owner_id="vera", nonce="of vera")
    reverse(conn, "of vera", 2)
    place(conn, 3, owner_id="vera", expires_in="20 days")
    record(conn, owner_id="wim", amount=50)
    only = {"app": "app1", "operation": "CREDIT_SPEND", "time_zone": "Europe/Berlin"}
    call(conn, "set_budget", owner_id="wim", budget="only", most=30, period="week", **only, **by)
    spend(conn, 8, owner_id="wim")
    yield "budgets"

    record(conn, owner_id="bob", operation="TOKEN_ADD", amount=9)
    place(conn, 4, owner_id="bob", operation="TOKEN_USE", nonce="of tokens")
    yield "another asset"

    record_batch(conn, [item(n, owner_id=f"owner {n % 3}") for n in range(1, 8)])
    record_batch(
        conn,
        [
            item(1, owner_id="carl"),
            item(-10_000, owner_id="carl", operation="CREDIT_SPEND"),
            item(owner_id="carl", operation="DAILY_REWARD"),
            item(7, owner_id="owner 0", expires_at="2031-01-01T00:00:00Z"),
        ],
    )
    yield "batches"

    clock.forward(hours=1)
    record(conn, owner_id="hal", amount=5)
    clock.forward(hours=-1)
    record(conn, owner_id="hal", amount=7)
    clock.forward(hours=2)
    record(conn, owner_id="hal", amount=9)
    yield "a clock that was set back"

    clock.forward(days=20)
    yield "all that was to expire is due"

    call(conn, "expire_credits")
    yield "all that was due is posted"

    record(conn, owner_id="fay", amount=10, expires_at=clock.ahead(days=1))
    record(conn, owner_id="fay", amount=10, expires_at=clock.ahead(days=3))
    spend(conn, 4, owner_id="fay")
    spend(conn, 8, owner_id="fay")
    record(conn, owner_id="gus", amount=30, expires_at=clock.ahead(days=1))
    place(conn, 10, owner_id="gus", nonce="still open", expires_in="1 day", metadata={"job": 2})
    place(conn, 5, owner_id="gus", nonce="used in part", expires_in="2 days")
    capture(conn, "used in part", 2, final=False)
    record(conn, owner_id="gus", amount=10)
    place(conn, 20, owner_id="gus", nonce="more than the lot", expires_in="3 days")
    place(conn, 5, owner_id="gus", nonce="not of the lot", expires_in="3 days")
    yield "lots and holds to stay"

    record(conn, owner_id="ida", amount=30)
    record(conn, owner_id="ida", operation="METERED", quantity=1840, nonce="metered")
    place(conn, None, owner_id="ida", operation="METERED", quantity=2000, nonce="grown")
    grow(conn, "grown", 3, nonce="growth")
    grow(conn, "grown", 5)
    capture(conn, "grown", quantity=700, final=False)
    place(conn, 10, owner_id="ida", operation="METERED", nonce="beyond")
    capture(conn, "beyond", 12, beyond="available")
    place(conn, 2, owner_id="ida", operation="METERED", nonce="in full")
    capture(conn, "in full", 7, beyond="debt", nonce="owed")
    record(conn, owner_id="ida", amount=2)
    yield "growth, quantities and a debt"

    daily = {"app": "app1", "owner_id": "lea", "operation": "CREDIT_ADD", "period": "day"}
    call(
        conn,
        "grant_allowance",
        **daily,
        nonce="daily",
        amount=40,
        carry_over_most=25,
        carry_over_for=2,
    )
    once: Row = daily | {"period": None, "starts_at": clock.ahead(days=1)}
    call(conn, "grant_allowance", **once, nonce="once", amount=9, metadata={"why": "gift"})
    call(conn, "grant_allowance", **daily, nonce="short", amount=3, occurrences=2)
    call(
        conn, "grant_allowance", **daily, nonce="given back", amount=8, ends_at=clock.ahead(days=60)
    )
    future = {"starts_at": clock.ahead(days=90), "time_zone": "Europe/Berlin"}
    call(conn, "grant_allowance", **daily, nonce="of the future", amount=8, **future)
    of_daily = {"app": "app1", "allowance_nonce": "daily"}
    spend(conn, 22, owner_id="lea")
    clock.forward(days=1)
    spend(conn, 7, owner_id="lea")
    call(conn, "change_allowance", **of_daily, nonce="more", amount=60, from_next_period=False)
    call(conn, "change_allowance", **of_daily, nonce="less", amount=50)
    call(conn, "end_allowance", app="app1", allowance_nonce="given back", forfeit=True)
    clock.forward(days=2)
    record(conn, owner_id="lea", amount=5)
    call(conn, "end_allowance", **of_daily, at=clock.ahead(days=30))
    call(conn, "grant_allowance", **daily, nonce="by hand", amount=4)
    end_by_hand(conn, "by hand", at=clock.ahead(days=40))
    end_by_hand(conn, "by hand", forfeit=True)
    adjust(conn, 1, owner_id="lea")
    call(conn, "grant_allowance", **daily | {"owner_id": "max"}, nonce="of max", amount=11)
    operate(conn, "freeze_account", owner_id="max")
    clock.forward(days=1, hours=5)
    operate(conn, "unfreeze_account", owner_id="max")
    call(conn, "grant_allowance", **daily | {"owner_id": "ned"}, nonce="of ned", amount=11)
    operate(conn, "freeze_account", owner_id="ned")
    yield "allowances"
    record(conn, owner_id="joan", operation="PRIZE", amount=30)
    record(conn, owner_id="joan", operation="PLAN", amount=20, nonce="plan")
    record(conn, owner_id="joan", operation="LATE", amount=9)
    record(conn, owner_id="joan", amount=6)
    record(conn, owner_id="joan", operation="CONTENT_CREATION", nonce="of a prize")
    reverse(conn, "of a prize", 2)
    spend(conn, 22, owner_id="joan")
    record(conn, owner_id="joan", operation="LATE", amount=3, expires_at=clock.ahead(days=1))
    place(conn, 5, owner_id="joan", operation="CONTENT_CREATION", nonce="for a prize")
    record(conn, owner_id="kim", operation="PRIZE", amount=30)
    record(conn, owner_id="kim", operation="CONTENT_CREATION")
    record(conn, owner_id="kim", operation="PLAN", amount=2)
    spend(conn, 1, owner_id="kim")
    clock.forward(days=1)
    yield "credits of a class, of limited use"

    record(conn, owner_id="oda", amount=20, expires_at=clock.ahead(days=9))
    record(conn, owner_id="oda", operation="PLAN", amount=6)
    record(conn, owner_id="oda", amount=50)
    send(conn, 30, nonce="sent", metadata={"card": "birthday"})
    send(conn, 5, nonce="sent on", from_owner_id="pia", to_owner_id="quin")
    send(conn, 9, nonce="sent by a key", spender="key-7")
    reverse(conn, "sent", 7, nonce="sent back")
    reverse(conn, "sent by a key")
    clock.forward(days=1)
    yield "transfers"


def send(conn: Connection, amount: int, **more: Any) -> None:
    """Transfer credits from oda to pia, unless told otherwise."""
    plain = {"app": "app1", "from_owner_id": "oda", "to_owner_id": "pia", "operation": "SEND"}
    rows(conn, "transfer_credits", **plain | {"amount": amount} | more)


def define(conn: Connection) -> None:
    """Define operations of kinds that the applications do not have."""
    rules: dict[str, Row] = {
        "THRICE": {"default_amount": 2, "claim_limit": 3, "claim_period": "week"},
        "METERED": {
            "min_amount": -20,
            "max_amount": -1,
            "unit_amount": -2,
            "unit_size": 1000,
            "max_debt": 5,
        },
        "PRIZE": {
            "min_amount": 1,
            "max_amount": 50,
            "credit_class": "free",
            "usable_for": ["CONTENT_CREATION"],
            "expires_after": "30 days",
        },
        "PLAN": {
            "min_amount": 1,
            "max_amount": 50,
            "credit_class": "paid",
            "priority": 50,
            "usable_in": ["app1", "app2"],
        },
        "SEND": {"min_amount": -100, "max_amount": -1, "transferable": True},
        "LATE": {"min_amount": 1, "max_amount": 50, "priority": 200},
        "TOKEN_ADD": {"asset": "TOKEN", "min_amount": 1, "max_amount": 100},
        "TOKEN_USE": {"asset": "TOKEN", "min_amount": -100, "max_amount": -1},
    }
    for operation, rule in rules.items():
        call(conn, "define_operation", operation=operation, description="x", **rule)
        call(conn, "allow_operation", app="app1", operation=operation)
    call(conn, "allow_operation", app="app2", operation="CREDIT_SPEND", min_amount=-500)
    price: Row = {"unit_amount": -1, "unit_size": 500, "rounding": "nearest"}
    call(conn, "allow_operation", app="app2", operation="METERED", **price)
    call(conn, "define_operation", operation="OLD", description="x", default_amount=1)
    call(conn, "allow_operation", app="app1", operation="OLD", default_amount=1)
    call(conn, "retire_operation", operation="OLD")
