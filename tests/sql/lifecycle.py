"""Calls for holds, reversals, batches, operators' actions and claim limits."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from tests.sql.calls import Connection, Row, call, entries, new_nonce, rows


def place(conn: Connection, amount: int | None, **arguments: Any) -> Row:
    """Place a hold: CREDIT_SPEND of alice by app1 under a new nonce, unless told otherwise."""
    plain = {
        "app": "app1",
        "owner_id": "alice",
        "operation": "CREDIT_SPEND",
        "nonce": new_nonce(),
        "amount": amount,
    }
    return call(conn, "place_hold", **plain | arguments)


def capture(conn: Connection, hold_nonce: str, amount: int | None = None, **arguments: Any) -> Row:
    """Capture from a hold of app1 under a new nonce, unless told otherwise."""
    plain = {"app": "app1", "hold_nonce": hold_nonce, "nonce": new_nonce(), "amount": amount}
    return call(conn, "capture_hold", **plain | arguments)


def release(conn: Connection, hold_nonce: str, app: str = "app1") -> Row:
    """Release a hold."""
    return call(conn, "release_hold", app=app, hold_nonce=hold_nonce)


def extend(conn: Connection, hold_nonce: str, expires_in: str, app: str = "app1") -> Row:
    """Extend a hold by an interval."""
    return call(conn, "extend_hold", app=app, hold_nonce=hold_nonce, expires_in=expires_in)


def grow(conn: Connection, hold_nonce: str, by: int | None, **arguments: Any) -> Row:
    """Let a hold of app1 grow under a new nonce, unless told otherwise."""
    plain = {"app": "app1", "hold_nonce": hold_nonce, "nonce": new_nonce(), "by": by}
    return call(conn, "grow_hold", **plain | arguments)


def reverse(
    conn: Connection, original_nonce: str, amount: int | None = None, **arguments: Any
) -> Row:
    """Reverse an entry of app1 under a new nonce, unless told otherwise."""
    plain = {
        "app": "app1",
        "nonce": new_nonce(),
        "original_nonce": original_nonce,
        "amount": amount,
    }
    return call(conn, "reverse_entry", **plain | arguments)


def reverse_by_hand(conn: Connection, original_nonce: str, **arguments: Any) -> Row:
    """Reverse an entry of app1 as Ann, under a new nonce, unless told otherwise."""
    plain = {
        "app": "app1",
        "nonce": new_nonce(),
        "original_nonce": original_nonce,
        "actor": "Ann",
        "reason": "Because",
    }
    return call(conn, "reverse_by_hand", **plain | arguments)


def end_by_hand(conn: Connection, allowance_nonce: str, **arguments: Any) -> Row:
    """End an allowance of app1 as Ann, unless told otherwise."""
    plain = {
        "app": "app1",
        "allowance_nonce": allowance_nonce,
        "actor": "Ann",
        "reason": "Because",
    }
    return call(conn, "end_allowance_by_hand", **plain | arguments)


def adjust(conn: Connection, amount: int | None, **arguments: Any) -> Row:
    """Adjust alice's balance as Ann, under a new nonce, unless told otherwise."""
    plain = {
        "owner_id": "alice",
        "amount": amount,
        "nonce": new_nonce(),
        "actor": "Ann",
        "reason": "Because",
    }
    return call(conn, "adjust_balance", **plain | arguments)


def operate(conn: Connection, function: str, **arguments: Any) -> None:
    """Set the floor of alice's account, freeze or unfreeze it, as Ann, unless told otherwise."""
    plain = {"owner_id": "alice", "actor": "Ann", "reason": "Because"}
    call(conn, function, **plain | arguments)


def record_batch(
    conn: Connection, items: list[Any], app: str = "app1", atomic: bool = False
) -> list[Row]:
    """Record the items of a batch."""
    return rows(conn, "record_entries", app=app, entries=Jsonb(items), atomic=atomic)


def item(amount: int | None = None, **fields: Any) -> Row:
    """Make an item of a batch: CREDIT_ADD for alice under a new nonce, unless told otherwise."""
    plain: Row = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": new_nonce()}
    if amount is not None:
        plain["amount"] = amount
    return plain | fields


def spendable(conn: Connection, owner_id: str = "alice") -> tuple[int, int, int]:
    """Read an owner's balance, held and available credits."""
    found = call(conn, "balance", owner_id=owner_id)
    return found["balance"], found["held"], found["available"]


def amounts(conn: Connection) -> list[tuple[str, int]]:
    """Read the operations and amounts of alice's entries, oldest first."""
    return [(entry["operation"], entry["amount"]) for entry in entries(conn)]


def lots(conn: Connection) -> list[int]:
    """Read the remaining credits of alice's lots, in the order in which they were granted."""
    query = "SELECT remaining FROM ledger.lots WHERE owner_id = 'alice' ORDER BY seq"
    return [remaining for (remaining,) in conn.execute(query)]


def define_limited(conn: Connection, limit: int = 1, period: str = "ever", **rule: Any) -> None:
    """Define LIMITED, of 1 credit unless told otherwise, for app1 and app2."""
    plain: Row = {"default_amount": 1, "claim_limit": limit, "claim_period": period}
    description = "Limited"
    call(conn, "define_operation", operation="LIMITED", description=description, **plain | rule)
    for app in ("app1", "app2"):
        call(conn, "allow_operation", app=app, operation="LIMITED")
