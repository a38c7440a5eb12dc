"""Calls and state of the database, in the form of the model."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.sql.calls import Connection, rows
from tests.sql.model.account import Entry, Lot
from tests.sql.model.books import Books, Row
from tests.sql.model.refusal import Refused

_SQLSTATES = "SELECT code, sqlstate FROM ledger.error_codes"

_STATE = {
    "accounts": """
        SELECT
            owner_id, balance, held, min_balance, debt, last_seq, in_order_from, frozen_at,
            moved_to,
            nullif(last_entry_at, '-infinity') AS last_entry_at,
            nullif(nullif(next_due_at, 'infinity'), ledger_core.never_due()) AS next_due_at,
            next_due_at = 'infinity' AS is_plain
        FROM ledger.accounts WHERE owner_id = ANY(%s)
    """,
    "entries": """
        SELECT
            owner_id, seq, app, operation, amount, balance_after AS balance, recorded_at,
            CASE operation
                WHEN 'EXPIRY' THEN left(nonce, 7)
                WHEN 'CARRY_OVER' THEN left(nonce, 17)
                WHEN 'FORFEITURE' THEN left(nonce, 17)
                ELSE nonce
            END AS nonce,
            amount_defaulted, expiry_defaulted, metadata, expires_at, claim_subject, hold_nonce,
            hold_final, reverses_seq, frees_claim, spender, quantity, overdrawn, credit_class,
            priority, usable_for, usable_in, peer_owner_id, peer_seq
        FROM ledger.entries WHERE owner_id = ANY(%s)
    """,
    "lots": """
        SELECT
            owner_id, seq, amount, remaining, held, expires_at, credit_class, priority, usable_for,
            usable_in
        FROM ledger.lots WHERE owner_id = ANY(%s)
    """,
    "movements": """
        SELECT owner_id, seq, lot_seq, amount FROM ledger.lot_movements WHERE owner_id = ANY(%s)
    """,
    "holds": """
        SELECT
            owner_id, app, nonce, operation, amount, captured, status, placed_at, expires_in,
            expires_at, closed_at, metadata, spender, quantity
        FROM ledger.holds WHERE owner_id = ANY(%s)
    """,
    "reserved": """
        SELECT owner_id, app, hold_nonce, lot_seq, amount
        FROM ledger.hold_lots WHERE owner_id = ANY(%s)
    """,
    "allowances": """
        SELECT
            owner_id, app, nonce, operation, amount, period, starts_at, ends_at, next_occurrence,
            nullif(next_at, 'infinity') AS next_at
        FROM ledger.allowances WHERE owner_id = ANY(%s)
    """,
    "growths": """
        SELECT owner_id, app, nonce, hold_nonce, amount
        FROM ledger.hold_growths WHERE owner_id = ANY(%s)
    """,
    "claims": """
        SELECT
            operation, subject_kind AS kind, subject, scope_app AS app, slot, owner_id, seq,
            nullif(period_start, '-infinity') AS start
        FROM ledger.claims WHERE owner_id = ANY(%s)
    """,
}

_OF_MANY_ROWS = {
    "allowances_of",
    "budgets_of",
    "holds_of",
    "lots_of",
    "balance_parts",
    "forecast",
    "timeline",
    "transfer_credits",
    "move_account",
}

State = dict[str, list[Row]]


def call_database(conn: Connection, function: str, arguments: Row) -> Any:
    """Call a function of the ledger, and return or raise like the model's method of that name."""
    if function == "record_entries":
        items = [{k: _json(v) for k, v in item.items()} for item in arguments["entries"]]
        arguments = arguments | {"entries": Jsonb(items)}
    try:
        found = rows(conn, function, **arguments)
    except psycopg.Error as error:
        if error.sqlstate is None or not error.sqlstate.startswith("LG"):
            raise
        raise Refused(error.sqlstate, **json.loads(error.diag.message_detail or "")) from None
    if function == "record_entries":
        sqlstates: dict[str, str] = dict(conn.execute(_SQLSTATES).fetchall())
        return [_batch_result(sqlstates, row) for row in found]
    if function in ("expire_credits", "balance_at"):
        return found[0][function]
    if function in ("set_min_balance", "freeze_account", "unfreeze_account", "drop_budget"):
        return None
    return found if function in _OF_MANY_ROWS else found[0]


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _batch_result(sqlstates: dict[str, str], row: Row) -> Row | Refused:
    if row["code"] is None:
        return row
    return Refused(sqlstates[row["code"]], position=row["position"], **row["detail"])


def database_state(conn: Connection, owner_ids: list[str]) -> State:
    """Read all tables, for the given owners."""
    with conn.pipeline():
        cursors = {
            table: conn.cursor(row_factory=dict_row).execute(query.encode(), [owner_ids])
            for table, query in _STATE.items()
        }
    return {table: _in_order(cursor.fetchall()) for table, cursor in cursors.items()}


def model_state(model: Books) -> State:
    """Return the expected contents of the tables."""
    state: State = {table: [] for table in _STATE}
    for owner_id, account in model.accounts.items():
        last = account.entries[-1] if account.entries else None
        state["accounts"].append(
            {
                "owner_id": owner_id,
                "balance": account.balance,
                "held": account.held,
                "min_balance": account.min_balance,
                "debt": account.debt,
                "last_seq": len(account.entries),
                "in_order_from": account.in_order_from,
                "frozen_at": account.frozen_at,
                "moved_to": account.moved_to,
                "last_entry_at": last and last.recorded_at,
                "next_due_at": account.next_due(),
                "is_plain": account.is_plain,
            }
        )
        state["entries"] += [
            {"owner_id": owner_id, **_with_use(entry)} for entry in account.entries
        ]
        state["lots"] += [
            {"owner_id": owner_id, **_with_use(lot), "held": account.held_of(lot)}
            for lot in account.lots.values()
        ]
        state["movements"] += [
            {"owner_id": owner_id, "seq": seq, "lot_seq": lot_seq, "amount": amount}
            for seq, lot_seq, amount in account.movements
        ]
        state["allowances"] += [
            {
                "owner_id": owner_id,
                "app": it.app,
                "nonce": it.nonce,
                "operation": it.operation,
                "amount": it.amount,
                "period": it.period,
                "starts_at": it.starts_at,
                "ends_at": it.ends_at,
                "next_occurrence": it.next_occurrence,
                "next_at": it.next_at,
            }
            for it in account.allowances.values()
        ]
        for hold in account.holds:
            row = {"owner_id": owner_id, **vars(hold)}
            state["reserved"] += [
                {
                    "owner_id": owner_id,
                    "app": hold.app,
                    "hold_nonce": hold.nonce,
                    "lot_seq": lot_seq,
                    "amount": amount,
                }
                for lot_seq, amount in row.pop("lots").items()
                if amount
            ]
            state["growths"] += [
                {
                    "owner_id": owner_id,
                    "app": hold.app,
                    "nonce": nonce,
                    "hold_nonce": hold.nonce,
                    "amount": by,
                }
                for nonce, by in row.pop("growths").items()
            ]
            del row["price"]
            state["holds"].append(row)
    state["claims"] = [vars(claim) for claim in model.claims]
    return {table: _in_order(found) for table, found in state.items()}


def _with_use(it: Entry | Lot) -> Row:
    return {name: value for name, value in vars(it).items() if name != "use"} | vars(it.use)


def _in_order(found: list[Row]) -> list[Row]:
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def discrepancies(conn: Connection, owner_id: str) -> list[Row]:
    """Call ledger.verify."""
    return rows(conn, "verify", owner_id=owner_id)
