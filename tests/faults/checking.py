"""Holds the journal of the callers against the books."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.faults.journal import Asked, Entry, Journal
from tests.sql.books import assert_books_are_right

__all__ = ("Findings", "check")


class Findings:
    """What is wrong, in words; nothing if all is well.

    Attributes:
        lost: What was acknowledged and is not there, or not as it was acknowledged.
        doubled: What is there more than once.
        other: Everything else.
    """

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.doubled: list[str] = []
        self.other: list[str] = []

    def all(self) -> list[str]:
        """Give all of it."""
        return [*self.lost, *self.doubled, *self.other]


def check(url: str, journal: Journal) -> Findings:
    """Compare.

    Args:
        url: The database, after the run.
        journal: What the callers asked for and were told.

    Returns:
        The differences.

    Raises:
        AssertionError: The books contradict themselves.
    """
    findings = Findings()
    findings.other += journal.wrong
    with psycopg.connect(url, row_factory=dict_row) as conn:
        entries: dict[str, list[Entry]] = {}
        for row in conn.execute("SELECT *, balance_after AS balance FROM ledger.entries"):
            entries.setdefault(row["nonce"], []).append(Entry.of(row))
        holds = {row["nonce"]: row for row in conn.execute("SELECT * FROM ledger.holds")}
        orders = {row["nonce"]: row for row in conn.execute("SELECT * FROM shop.orders")}
        findings.other += [
            f"verify: {row}" for row in conn.execute("SELECT * FROM ledger.verify()")
        ]
        findings.other += _check_feed(conn, [one for found in entries.values() for one in found])
    for nonce, found in entries.items():
        if len(found) > 1:
            findings.doubled.append(f"{nonce} is there as {found}")
        if nonce not in journal.asked:
            findings.other.append(f"nobody asked for {found}")
    for asked in journal.asked.values():
        _check_asked(asked, entries.get(asked.nonce, []), holds, findings)
    for nonce in journal.released:
        if nonce not in holds or holds[nonce]["status"] != "released":
            findings.lost.append(f"the release of {nonce}, which is {holds.get(nonce)}")
    _check_orders(journal, entries, orders, findings)
    with psycopg.connect(url) as plain:
        assert_books_are_right(plain)
    return findings


def _check_asked(
    asked: Asked, found: list[Entry], holds: dict[str, dict[str, Any]], findings: Findings
) -> None:
    if asked.entry is not None and asked.entry not in found:
        findings.lost.append(f"{asked.entry}, of which there is {found}")
    if asked.hold is not None and holds.get(asked.nonce, {}).get("amount") != asked.hold:
        findings.lost.append(f"{asked}, of which there is {holds.get(asked.nonce)}")
    if asked.excluded and (found or asked.nonce in holds):
        findings.other.append(f"{asked} is there nevertheless: {found or holds[asked.nonce]}")


def _check_orders(
    journal: Journal,
    entries: dict[str, list[Entry]],
    orders: dict[str, dict[str, Any]],
    findings: Findings,
) -> None:
    """The caller's own rows are there if and only if their entries are, and say the same."""
    for nonce in {asked.nonce for asked in journal.asked.values() if asked.way == "order"}:
        paid = [(one.owner_id, one.amount, one.seq, one.balance) for one in entries.get(nonce, [])]
        order = orders.get(nonce)
        kept = [(order[name] for name in ("owner_id", "amount", "seq", "balance"))] if order else []
        if [tuple(one) for one in kept] != paid:
            findings.other.append(f"the order {order} was paid by {paid}")


def _check_feed(conn: psycopg.Connection[dict[str, Any]], entries: list[Entry]) -> list[str]:
    """The change feed has every entry once."""
    seen: list[int] = []
    cursor: str | None = None
    while rows := conn.execute("SELECT * FROM ledger.entries_after(%s)", [cursor]).fetchall():
        seen += [row["entry_id"] for row in rows]
        cursor = rows[-1]["cursor"]
    expected = sorted(entry.entry_id for entry in entries)
    return [] if sorted(seen) == expected else ["the change feed differs from the entries"]
