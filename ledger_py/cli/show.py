"""`ledger show`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec
import psycopg

from ledger_py.cli.common import open_database
from ledger_py.cli.curve import curve
from ledger_py.client import Ledger
from ledger_py.errors import InvalidRequest
from ledger_py.proof.connection import connected, one_moment
from ledger_py.structs import (
    Allowance,
    Balance,
    BalancePart,
    BalanceStep,
    Budget,
    ComingEvent,
    Entry,
    Hold,
    Lot,
    Match,
)
from ledger_py.wording import counted, escaped, quoted, use_of

_ROWS: Final = 10
"""The rows of each list."""

_PEERS: Final = """
    SELECT seq, peer_owner_id
    FROM ledger.entries
    WHERE owner_id = %(owner_id)s AND asset = %(asset)s AND seq = ANY(%(numbers)s)
        AND peer_owner_id IS NOT NULL
"""

_ATTEMPTS: Final = 8
"""The characters that are left out at most, in search of an owner that begins alike."""


class Words(str):
    """A text that is not a caller's, and is printed as it is."""

    __slots__ = ()


class Shown(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """An entry; of a transfer, with the other owner, if the login may know."""

    peer_owner_id: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown of an account."""

    owner_id: str
    asset: str
    now: datetime
    balance: Balance
    timeline: list[BalanceStep]
    entries: list[Shown]
    parts: list[BalancePart]
    lots: list[Lot]
    holds: list[Hold]
    allowances: list[Allowance]
    budgets: list[Budget]
    forecast: list[ComingEvent]
    matches: list[Match]
    """What else the text may name, if it is not an owner with entries in this asset."""


@click.command()
@click.argument("owner")
@click.option("--asset", default="CREDIT", show_default=True, help="The unit counted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all numbers exact.")
def show(owner: str, asset: str, as_json: bool) -> None:
    """Show the account of an OWNER: balance, curve, entries, lots, holds, and what will come.

    Budgets and allowances as well. If the owner has no entries and no allowances in this asset,
    shows what else the text may name: a nonce, a hold, an entry. The exit code is 1 then.
    """
    with open_database() as (_, url), connected(url) as conn, one_moment(conn):
        try:
            # The functions that are called here are not of one app.
            page = _read(Ledger(conn, app="ledger"), owner, asset)
        except InvalidRequest as refusal:
            field, reason = (refusal.detail.get(name, "") for name in ("field", "reason"))
            raise click.ClickException(f"{field} {reason}") from None
    if as_json:
        encoded = msgspec.json.Encoder(decimal_format="number").encode(page)
        _print(escaped(msgspec.json.format(encoded, indent=2).decode()).splitlines())
    elif page.balance.entry_count or page.allowances:
        _print(_lines(page))
    else:
        _print(_nothing(page))
    if not (page.balance.entry_count or page.allowances):
        sys.exit(1)


def _read(ledger: Ledger, owner_id: str, asset: str) -> Page:
    account: Any = {"owner_id": owner_id, "asset": asset}
    balance = ledger.balance(**account)
    allowances = ledger.allowances_of(**account)
    # One row more tells that there are more.
    most: Any = {"max_rows": _ROWS + 1}
    return Page(
        **account,
        now=datetime.now(UTC),
        balance=balance,
        timeline=ledger.timeline(**account),
        entries=_with_peers(ledger, account, ledger.entries_of(**account, **most)),
        parts=ledger.balance_parts(**account),
        lots=ledger.lots_of(**account, **most),
        holds=ledger.holds_of(**account, **most, status="open"),
        allowances=allowances,
        budgets=ledger.budgets_of(**account),
        forecast=ledger.forecast(**account, **most),
        matches=[] if balance.entry_count or allowances else _matches(ledger, owner_id),
    )


def _with_peers(ledger: Ledger, account: dict[str, Any], entries: list[Entry]) -> list[Shown]:
    """Add the other owners of transfers, which auditors may read and callers of apps may not."""
    peers: dict[int, str] = {}
    numbers = [entry.seq for entry in entries]
    # A front has no table of entries. The savepoint lets the transaction go on without the answer.
    with (
        suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported),
        ledger.conn.transaction(),
    ):
        peers = dict(ledger.conn.execute(_PEERS, account | {"numbers": numbers}).fetchall())
    return [
        Shown(**msgspec.structs.asdict(entry), peer_owner_id=peers.get(entry.seq))
        for entry in entries
    ]


def _matches(ledger: Ledger, text: str) -> list[Match]:
    """Find what a text names, or owners that begin alike."""
    for length in range(len(text), max(1, len(text) - _ATTEMPTS) - 1, -1):
        found = ledger.find(text=text[:length], max_rows=_ROWS)
        if length < len(text):
            found = [match for match in found if match.kind == "owner"]
        if found:
            return found
    return []


# Lines


def _operation(entry: Entry) -> Words:
    """Say the operation, with how much was used, and whether the entry left a debt."""
    used = "" if entry.quantity is None else f" of {entry.quantity}"
    return Words(f"{entry.operation}{used}{', overdrawn' if entry.overdrawn else ''}")


def _nonce(entry: Shown) -> str:
    """Say the nonce; of a transfer, with whom the credits came from or went to."""
    if entry.peer_owner_id is None:
        return entry.nonce
    way = "to" if entry.amount < 0 else "from"
    return Words(f"{_name(entry.nonce)}, {way} {_name(entry.peer_owner_id)}")


def _use(part: BalancePart) -> str:
    return use_of(part.credit_class, part.priority, part.usable_for, part.usable_in)


def _lines(page: Page) -> Iterable[str]:
    balance = page.balance
    yield f"{quoted(page.owner_id)} {page.asset}, at {_time(page.now)}"
    yield ""
    figures = {"balance": balance.balance, "held": balance.held, "available": balance.available}
    width = max(len(str(figure)) for figure in figures.values())
    for name, figure in figures.items():
        yield f"{name:<9}  {figure:>{width}}"
    if balance.next_expiry_at is not None:
        at = _time(balance.next_expiry_at)
        yield f"{balance.next_expiry_amount} that no hold reserves will expire at {at}"
    if balance.next_allowance_at is not None:
        at = _time(balance.next_allowance_at)
        yield f"{balance.next_allowance_amount} of allowances will come at {at}"
    if page.timeline:
        yield ""
        yield from curve(page.timeline, max(page.now, page.timeline[-1].at), blocks=_has_blocks())
    yield from _table(
        f"Latest entries, of {balance.entry_count}",
        ("seq", "recorded at", "amount", "balance", "app", "operation", "nonce"),
        [
            (it.seq, it.recorded_at, it.amount, it.balance, it.app, _operation(it), _nonce(it))
            for it in page.entries
        ],
    )
    yield from _table(
        "Credits that expire or are for something, as they are spent",
        ("seq", "expires at", "remaining", "held", "app", "operation", "nonce"),
        [
            (
                *(it.seq, it.expires_at or Words("never"), it.remaining, it.held),
                *(it.app, it.operation, it.nonce),
            )
            for it in page.lots
        ],
    )
    if any(map(_use, page.parts)):
        yield from _table(
            "What the balance consists of, as it is spent",
            ("amount", "held", "expires at", "for"),
            [
                (
                    *(it.amount, it.held, it.expires_at or Words("never")),
                    Words(_use(it) or "anything"),
                )
                for it in page.parts
            ],
        )
    yield from _table(
        "Open holds, newest first",
        ("placed at", "expires at", "amount", "remaining", "app", "operation", "nonce"),
        [
            (it.placed_at, it.expires_at, it.amount, it.remaining, it.app, it.operation, it.nonce)
            for it in page.holds
        ],
    )
    yield from _table(
        "Allowances",
        ("status", "next", "amount", "period", "carried over", "app", "operation", "nonce"),
        [
            (
                Words(it.status),
                it.next_at or Words("-"),
                it.amount,
                Words(it.period or "once"),
                _carried_over(it),
                it.app,
                it.operation,
                it.nonce,
            )
            for it in page.allowances
        ],
    )
    yield from _table(
        "Budgets",
        ("used", "spent", "held", "most", "period", "begins anew", "budget", "spender"),
        [
            (
                _bar(it.spent + it.held, it.most),
                it.spent,
                it.held,
                it.most,
                it.period,
                it.resets_at or Words("never"),
                it.budget,
                _spender(it.spender),
            )
            for it in page.budgets
        ],
    )
    yield from _table(
        "To come by the clock",
        ("at", "event", "amount", "balance", "held", "app", "nonce"),
        [
            (it.at, it.kind, it.amount, it.balance, it.held, it.app, it.nonce)
            for it in page.forecast
        ],
    )


def _nothing(page: Page) -> Iterable[str]:
    yield f"{quoted(page.owner_id)} has no entries in {page.asset}"
    if page.matches:
        yield "There is:"
    for match in page.matches:
        account = f"{quoted(match.owner_id)} {match.asset}"
        found = match.found
        if match.kind == "owner":
            yield f"  owner {account}, {counted(found['entry_count'], 'entry', 'entries')}"
        elif match.kind == "claim":
            number = "" if match.seq is None else f" #{match.seq}"
            yield f"  claim of {account}{number}: {found['operation']}"
        else:
            number = "" if match.seq is None else f" #{match.seq}"
            what = f"{found['app']} {found['operation']} {found['amount']}"
            yield f"  {match.kind} of {account}{number}: {what}, nonce {quoted(found['nonce'])}"


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterable[str]:
    """Make the lines of a table. Texts of callers come last, where they can move nothing."""
    if not rows:
        return
    yield ""
    yield title + (f" (the first {_ROWS})" if len(rows) > _ROWS else "")
    cells = [names, *([_cell(value) for value in row] for row in rows[:_ROWS])]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    right = [isinstance(value, int) for value in rows[0]]
    for row in cells:
        *padded, last = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        yield "  ".join(["", *padded, last.rstrip()])


def _carried_over(allowance: Allowance) -> Words:
    """Say how much of what is left goes on, and for how long."""
    if not allowance.carry_over_most:
        return Words("-")
    longer = f" for {allowance.carry_over_for}" if allowance.carry_over_for > 1 else ""
    return Words(f"{allowance.carry_over_most}{longer}")


def _spender(spender: str | None) -> str:
    """Say whose debits a budget counts."""
    if spender is None:
        return Words("all")
    return Words("each") if spender == "*" else spender


def _bar(used: int, most: int) -> Words:
    """Draw how far a budget is used up, in ten steps."""
    full = min(_ROWS, used * _ROWS // most) if most else _ROWS
    return Words("#" * full + "." * (_ROWS - full))


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return _time(value)
    return str(value) if isinstance(value, int | Words) else _name(value)


def _name(text: str) -> str:
    """Quote a text, unless it is a plain word."""
    return text if text.isascii() and text.replace("-", "_").isidentifier() else quoted(text)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


# Output


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def _has_blocks() -> bool:
    try:
        "▁█".encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line.encode(_encoding(), "backslashreplace").decode(_encoding()))
