"""Compares the journal of the callers with the books."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from tests.faults.journal import Entry, Journal, Request
from tests.faults.metered import BUDGET
from tests.sql.books import assert_books_are_right

__all__ = ("Findings", "check")

_HOLDS: Final = """
SELECT holds.*, holds.amount - coalesce(sum(growths.amount), 0) AS placed
FROM ledger.holds
LEFT JOIN ledger.hold_growths AS growths
    ON holds.app = growths.app AND holds.nonce = growths.hold_nonce
GROUP BY holds.app, holds.owner_id, holds.nonce
"""
_PASSED: Final = """
SELECT spender, sum(amount) FROM ledger.entries
WHERE spender IS NOT NULL GROUP BY spender HAVING -sum(amount) > %s
"""


class Findings:
    """Descriptions of all differences.

    Attributes:
        lost: Acknowledged, but missing or different in the books.
        doubled: Recorded more than once.
        other: All others.
    """

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.doubled: list[str] = []
        self.other: list[str] = []

    def all(self) -> list[str]:
        """Return all of them."""
        return [*self.lost, *self.doubled, *self.other]


def check(journal: Journal, *urls: str) -> Findings:
    """Compare the journal with the books.

    Args:
        journal: The callers' requests and answers.
        urls: The database after the run, or those of the partitions.

    Returns:
        The differences.

    Raises:
        AssertionError: The books contradict themselves.
    """
    findings = Findings()
    findings.other += journal.wrong
    entries: dict[str, list[Entry]] = {}
    holds: dict[str, dict[str, Any]] = {}
    growths: dict[str, dict[str, Any]] = {}
    orders: dict[str, dict[str, Any]] = {}
    for url in urls:
        with psycopg.connect(url, row_factory=dict_row) as conn:
            here = [
                Entry.of(row)
                for row in conn.execute("SELECT *, balance_after AS balance FROM ledger.entries")
            ]
            holds |= {row["nonce"]: row for row in conn.execute(_HOLDS)}
            growths |= {
                row["nonce"]: row for row in conn.execute("SELECT * FROM ledger.hold_growths")
            }
            orders |= {row["nonce"]: row for row in conn.execute("SELECT * FROM shop.orders")}
            findings.other += [
                f"verify: {row}" for row in conn.execute("SELECT * FROM ledger.verify()")
            ]
            findings.other += _check_feed(conn, here)
            findings.other += [
                f"the budget of {row} was passed" for row in conn.execute(_PASSED, [BUDGET])
            ]
        for entry in here:
            entries.setdefault(entry.nonce, []).append(entry)
        with psycopg.connect(url) as plain:
            assert_books_are_right(plain)
    for nonce, found in entries.items():
        if len(found) > 1:
            findings.doubled.append(f"{nonce} is there as {found}")
        by_the_clock = found[0].app == "ledger" or nonce.startswith("ledger:")
        if nonce not in journal.requests and not by_the_clock:
            findings.other.append(f"no request for {found}")
    for request in journal.requests.values():
        _check_request(request, entries.get(request.nonce, []), holds, growths, findings)
    for nonce in journal.released:
        if nonce not in holds or holds[nonce]["status"] != "released":
            findings.lost.append(f"the release of {nonce}, which is {holds.get(nonce)}")
    _check_orders(journal, entries, orders, findings)
    return findings


def _check_request(
    request: Request,
    found: list[Entry],
    holds: dict[str, dict[str, Any]],
    growths: dict[str, dict[str, Any]],
    findings: Findings,
) -> None:
    if request.entry is not None and request.entry not in found:
        findings.lost.append(f"{request.entry}, of which there is {found}")
    hold, growth = holds.get(request.nonce), growths.get(request.nonce)
    if request.hold is not None and (hold is None or hold["placed"] != request.hold):
        findings.lost.append(f"{request}, of which there is {hold}")
    if request.growth is not None and (growth is None or growth["amount"] != request.growth):
        findings.lost.append(f"{request}, of which there is {growth}")
    if request.excluded and (found or hold or growth):
        findings.other.append(f"{request} was recorded nevertheless: {found or hold or growth}")


def _check_orders(
    journal: Journal,
    entries: dict[str, list[Entry]],
    orders: dict[str, dict[str, Any]],
    findings: Findings,
) -> None:
    """An order exists if and only if its entry does, and both have the same values."""
    for nonce in {request.nonce for request in journal.requests.values() if request.way == "order"}:
        paid = [(one.owner_id, one.amount, one.seq, one.balance) for one in entries.get(nonce, [])]
        order = orders.get(nonce)
        kept = [(order[name] for name in ("owner_id", "amount", "seq", "balance"))] if order else []
        if [tuple(one) for one in kept] != paid:
            findings.other.append(f"the order {order} was paid by {paid}")


def _check_feed(conn: psycopg.Connection[dict[str, Any]], entries: list[Entry]) -> list[str]:
    """Check that the change feed has every entry once."""
    seen: list[int] = []
    cursor: str | None = None
    while rows := conn.execute("SELECT * FROM ledger.entries_after(%s)", [cursor]).fetchall():
        seen += [row["entry_id"] for row in rows]
        cursor = rows[-1]["cursor"]
    expected = sorted(entry.entry_id for entry in entries)
    return [] if sorted(seen) == expected else ["the change feed differs from the entries"]
