"""Verify an export of the books without a database, in one pass and constant memory.

This file needs nothing but Python: copy it to wherever the export is, read it, and run
`python recompute.py EXPORT`. It only adds, counts and hashes, and trusts nothing that the database
computed.

The export
    One JSON object per line, each with the `table` that it is a row of:

    1. `entries`, sorted by owner_id, asset (both by code point) and seq;
    2. `operator_actions`, the journal of operators, sorted by owner_id, asset and action_seq;
    3. `operation_changes`, the journal of the catalogue, sorted by change_id;
    4. `hold_events`, the journal of the holds, sorted by owner_id, asset and event_seq;
    5. `allowance_events`, the journal of the allowances, sorted by owner_id, asset and event_seq;
    6. `claim_reservations`, of a partition of a cluster: slots of claim subjects that are taken for
       entries of other partitions, sorted by owner_id, app and nonce.

    Before them there is a line for each of the `generations` of transaction ids but the first, in
    their order. The last line is `{"lines": N}` with the number of lines before it. Times are ISO
    8601. `metadata`, `before`, `after`, `rule`, `hold`, `request` and `allowance` are strings with
    the text that PostgreSQL gives for the JSON. `hash` is hexadecimal.

What must hold
    The entries of an account are one chain. So are the operators' actions on it, and the events of
    its holds and of its allowances. The changes of the catalogue are one chain. In each chain the
    number (`seq`, `action_seq`, `event_seq`, `change_id`) is 1, 2, 3 …, and `hash` is SHA-256 over
    the hash of the line before (32 zero bytes before the first) followed by the canonical bytes of
    the line. Of entries also: `balance_after` is the balance before plus `amount`. Times may run
    backwards, where the clock was set back.

    Reservations come and go, so they are no chain: the `hash` of one is SHA-256 over its own
    canonical bytes.

    The canonical bytes are numbers of eight bytes, big-endian (times in microseconds since
    2000-01-01 UTC), followed by UTF-8 text, its parts separated by commas. "Counted" is a text
    after its length in characters and a colon. An option is `name=value`, and is there only if the
    column is not null: a text counted, an integer in decimal, a boolean as `true` or `false`.

    `entries`
        Numbers: `seq`, `entry_id`, `amount`, `balance_after`, `recorded_at`, `xact_id`. Text:
        `asset`, `app`, `operation`; `owner_id` and `nonce`, counted; the words `amount_defaulted`
        and `expiry_defaulted` if they are true; the options `metadata`, `expires_at` (sixteen
        hexadecimal digits of the number), `claim_subject`, `hold_nonce`, `hold_final`,
        `reverses_seq`, `frees_claim`, `claim_slot`, `subject_slot`, `spender`, `quantity`,
        `unit_amount`, `unit_size`, `rounding`, `overdrawn`, `credit_class`, `priority`,
        `usable_for`, `usable_in` (a list as a text, its names separated by commas),
        `peer_owner_id`, `peer_seq`.
    `operator_actions`
        Numbers: `action_seq`, `acted_at`, `xact_id`. Text, counted: `owner_id`, `asset`, `action`,
        `role_name`, `actor`, `reason`, `before`, `after`; the option `seq`.
    `operation_changes`
        Numbers: `change_id`, `changed_at`, `xact_id`. Text, counted: `change`, `operation` (empty
        if it is null), `changed_by`, `rule`; the options `app` and `role_name`.
    `hold_events`
        Numbers: `event_seq`, `happened_at`, `xact_id`. Text, counted: `owner_id`, `asset`, `app`,
        `hold_nonce`, `event`, `hold`; the option `seq`.
    `allowance_events`
        Numbers: `event_seq`, `happened_at`, `xact_id`. Text, counted: `owner_id`, `asset`, `app`,
        `allowance_nonce`, `event`, `role_name`, `request`, `allowance`; the options `after_seq`,
        `nonce`, `seq`.
    `claim_reservations`
        Numbers: `reserved_at`, `claim_deadline`, `period_start` (as a time of UTC; `-infinity` is
        the least number of eight bytes); of four bytes, `slot` and `attempts`. Text, counted,
        without commas between: `owner_id`, `asset`, `app`, `nonce`, `operation`, `claim_subject`,
        `scope_app`. Last, if it is not null, the number `kept_at`.

The digest of a checkpoint
    Begin with 32 zero bytes. For each chain in the order of the export, take its last line among
    those that the horizon of the checkpoint covers (chains without such a line are left out), and
    replace the digest by SHA-256 over the digest so far, `table`, `owner_id` (counted),
    `asset` and number as UTF-8 text with a comma after each (the catalogue has no owner and asset),
    and the line's hash of 32 bytes.

What a horizon covers
    A horizon is a generation and a transaction id, `2-7130`; without a generation it is of the
    first. It covers what is of earlier generations, and of its own what has an `xact_id` below its
    own. A generation has the entries from its `first_entry_id` to before that of the next, and the
    lines of journals since its `begun_at` with an `xact_id` of at least its `first_xact_id`. The
    journal of the catalogue says the same of each generation (change `generation`), under its hash.

A past that was rewritten together with all of its hashes shows only against a checkpoint that was
kept elsewhere.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

Line: TypeAlias = dict[str, Any]
Chain: TypeAlias = tuple[int, str, str]
"""The place of the table in the export, the owner and the asset."""
Claim: TypeAlias = tuple[str, str, str]
"""Owner, app and nonce of a reservation."""


@dataclass(frozen=True)
class Journal:
    """The columns that chain a journal, and those that its hash covers."""

    number: str
    """The column that numbers its lines."""
    time: str
    texts: tuple[str, ...]
    """The columns that every line has, counted."""
    options: tuple[str, ...]
    """The columns that only some lines have."""


_JOURNALS: Final = {
    "operator_actions": Journal(
        "action_seq",
        "acted_at",
        ("owner_id", "asset", "action", "role_name", "actor", "reason", "before", "after"),
        ("seq",),
    ),
    "operation_changes": Journal(
        "change_id",
        "changed_at",
        ("change", "operation", "changed_by", "rule"),
        ("app", "role_name"),
    ),
    "hold_events": Journal(
        "event_seq",
        "happened_at",
        ("owner_id", "asset", "app", "hold_nonce", "event", "hold"),
        ("seq",),
    ),
    "allowance_events": Journal(
        "event_seq",
        "happened_at",
        (
            "owner_id",
            "asset",
            "app",
            "allowance_nonce",
            "event",
            "role_name",
            "request",
            "allowance",
        ),
        ("after_seq", "nonce", "seq"),
    ),
}
_NUMBERED_BY: Final = {"entries": "seq"} | {
    name: journal.number for name, journal in _JOURNALS.items()
}
_TABLES: Final = list(_NUMBERED_BY)
_RESERVATIONS: Final = "claim_reservations"
_NOTHING: Final = bytes(32)
_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_MICROSECOND: Final = timedelta(microseconds=1)

Horizon: TypeAlias = tuple[int, int]
"""A generation, and the transaction id in it before which everything is covered."""

WITHOUT_END: Final = (2**31, 0)
"""A horizon beyond every generation: the digest of all that is in the export."""


def horizon_of(text: str) -> Horizon:
    """Read the horizon of a checkpoint, such as `7130` or `2-7130`.

    Raises:
        ValueError: It is not a horizon.
    """
    generation, dash, xact_id = text.rpartition("-")
    return (int(generation) if dash else 1), int(xact_id)


@dataclass(frozen=True)
class Generation:
    """A stretch of one history of transaction ids."""

    number: int
    first_entry_id: int
    begun_at: datetime
    first_xact_id: int

    def has(self, line: Line) -> bool:
        """Tell whether a line is of this generation or of a later one."""
        if line["table"] == "entries":
            return bool(line["entry_id"] >= self.first_entry_id)
        at = datetime.fromisoformat(line[_JOURNALS[line["table"]].time])
        return bool(at >= self.begun_at and line["xact_id"] >= self.first_xact_id)


@dataclass(frozen=True)
class Problem:
    """Something in an export that does not follow from the lines before it."""

    line: int
    """Counted from 1."""
    what: str
    row: str | None = None
    """Table, owner, asset and number."""

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", {self.row}" if self.row else "")
        return f"{place}: {self.what}"


class Recomputation:
    """One pass over an export.

    Args:
        horizons: Those of the checkpoints whose digests are wanted; all of the export if left out.
    """

    def __init__(self, horizons: Sequence[Horizon] = (WITHOUT_END,)) -> None:
        self.accounts = 0
        self.entries = 0
        self._digests = dict.fromkeys(horizons, _NOTHING)
        self._heads: dict[Horizon, bytes] = {}
        self._generations: dict[int, Generation] = {}
        self._noted: dict[int, Generation] = {}
        self._chain: Chain | None = None
        self._number = 0
        self._balance = 0
        self._hash = _NOTHING
        self._claim: Claim | None = None

    def problems(self, lines: Iterable[str | bytes]) -> Iterator[Problem]:
        """Read an export to its end.

        Args:
            lines: The lines of the export, read lazily.

        Yields:
            The problems, in the order of the lines; none if the export is right.
            A file of another kind is not read beyond its first line.
        """
        number = read = 0
        stated = None
        for number, text in enumerate(lines, start=1):
            if stated is not None:
                yield Problem(number, "there is something after the last line")
                stated = None
            try:
                line = json.loads(text)
                if line.keys() == {"lines"}:
                    stated = line["lines"]
                    continue
                yield from self._examine(number, line)
            except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
                yield Problem(number, f"is no line of an export ({type(error).__name__}: {error})")
                if number == 1 and not _begins_like_a_line(text):
                    yield Problem(number, "this is not a file of `ledger export`, and not read on")
                    return
            read += 1
        self._close_chain()
        if self._generations != self._noted:
            yield Problem(number, "the generations are not those of the journal of the catalogue")
        if stated != read:
            yield Problem(
                number,
                "the export is not whole: its last line is missing"
                if stated is None
                else f"the number of lines is {read}, not {stated}",
            )

    def digest(self, horizon: Horizon = WITHOUT_END) -> str:
        """Give the digest over the heads of all chains at a horizon, once everything is read.

        Args:
            horizon: One of the horizons given to the class.

        Returns:
            64 hexadecimal digits, as `ledger.checkpoint()` gives them.
        """
        return self._digests[horizon].hex()

    def _examine(self, number: int, line: Line) -> Iterator[Problem]:
        table = line["table"]
        if table == "generations":
            self._generations[line["generation"]] = _generation(line, line["begun_at"])
            return
        if table == _RESERVATIONS:
            yield from self._examine_reservation(number, line)
            return
        numbered_by = _NUMBERED_BY[table]
        if table == "operation_changes":
            chain = (_TABLES.index(table), "", "")
            row = f"{table} #{line[numbered_by]}"
            link = f"{table},{line[numbered_by]},"
        else:
            owner_id, asset = line["owner_id"], line["asset"]
            chain = (_TABLES.index(table), owner_id, asset)
            row = f"{table} {_shown(owner_id)} {asset} #{line[numbered_by]}"
            link = f"{table},{_counted(owner_id)},{asset},{line[numbered_by]},"
        if chain != self._chain:
            if self._chain is not None and chain < self._chain:
                yield Problem(number, "the export is not sorted", row)
            self._open_chain(chain)
        found = bytes.fromhex(line["hash"])
        expected = sha256(self._hash + canonical_bytes(line)).digest()
        if line[numbered_by] != self._number + 1:
            yield Problem(number, f"{numbered_by} is not {self._number + 1}", row)
        if table == "entries":
            yield from self._examine_entry(number, line, row)
        if found != expected:
            yield Problem(number, f"hash is not {expected.hex()}", row)
        # Compare the next line with what is written here, so that each fault is reported once.
        self._number = line[numbered_by]
        self._hash = found
        if table == "operation_changes" and line["change"] == "generation":
            noted = _generation(json.loads(line["rule"]), line["changed_at"])
            self._noted[noted.number] = noted
        for horizon in self._digests:
            if self._covers(horizon, line):
                self._heads[horizon] = link.encode() + found

    def _covers(self, horizon: Horizon, line: Line) -> bool:
        generation, xact_id = horizon
        later = any(one.has(line) for one in self._generations.values() if one.number > generation)
        own = self._generations.get(generation)
        of_earlier = not own.has(line) if own else generation > 1
        return not later and (of_earlier or line["xact_id"] < xact_id)

    def _examine_entry(self, number: int, entry: Line, row: str) -> Iterator[Problem]:
        self.entries += 1
        if entry["balance_after"] != self._balance + entry["amount"]:
            expected = self._balance + entry["amount"]
            yield Problem(number, f"balance_after is not {expected}", row)
        self._balance = entry["balance_after"]

    def _examine_reservation(self, number: int, line: Line) -> Iterator[Problem]:
        claim = (line["owner_id"], line["app"], line["nonce"])
        row = f"{_RESERVATIONS} {_shown(claim[0])} {claim[1]} {_shown(claim[2])}"
        if self._claim is None:
            self._open_chain((len(_TABLES), "", ""))  # after all others
        elif claim <= self._claim:
            yield Problem(number, "the export is not sorted", row)
        self._claim = claim
        expected = sha256(canonical_bytes(line)).hexdigest()
        if line["hash"] != expected:
            yield Problem(number, f"hash is not {expected}", row)

    def _open_chain(self, chain: Chain) -> None:
        self._close_chain()
        self._chain = chain
        if chain[0] == _TABLES.index("entries"):
            self.accounts += 1
        self._number = 0
        self._balance = 0
        self._hash = _NOTHING

    def _close_chain(self) -> None:
        for horizon, head in self._heads.items():
            self._digests[horizon] = sha256(self._digests[horizon] + head).digest()
        self._heads = {}


def _begins_like_a_line(text: str | bytes) -> bool:
    return (text if isinstance(text, bytes) else text.encode()).startswith(b'{"table":')


def canonical_bytes(line: Line) -> bytes:
    """Give the bytes of a line over which its hash runs.

    Args:
        line: A line of an export, decoded.

    Raises:
        KeyError, TypeError, ValueError, struct.error: It is not a line of an export.
    """
    if line["table"] == "entries":
        return _entry_bytes(line)
    if line["table"] == _RESERVATIONS:
        return _reservation_bytes(line)
    return _journal_bytes(_JOURNALS[line["table"]], line)


def _entry_bytes(entry: Line) -> bytes:
    numbers = struct.pack(
        ">qqqqqQ",
        entry["seq"],
        entry["entry_id"],
        entry["amount"],
        entry["balance_after"],
        _microseconds(entry["recorded_at"]),
        entry["xact_id"],
    )
    parts: list[str] = [
        entry["asset"],
        entry["app"],
        entry["operation"],
        _counted(entry["owner_id"]),
        _counted(entry["nonce"]),
    ]
    parts += [flag for flag in ("amount_defaulted", "expiry_defaulted") if entry[flag]]
    parts += _options(entry, "metadata")
    if entry["expires_at"] is not None:
        parts.append(f"expires_at={struct.pack('>q', _microseconds(entry['expires_at'])).hex()}")
    parts += _options(
        entry,
        "claim_subject",
        "hold_nonce",
        "hold_final",
        "reverses_seq",
        "frees_claim",
        "claim_slot",
        "subject_slot",
        "spender",
        "quantity",
        "unit_amount",
        "unit_size",
        "rounding",
        "overdrawn",
        "credit_class",
        "priority",
    )
    names = {name: entry.get(name) for name in ("usable_for", "usable_in")}
    lists = {name: it and ",".join(it) for name, it in names.items()}
    parts += _options(lists, *lists)
    parts += _options(entry, "peer_owner_id", "peer_seq")
    return numbers + ",".join(parts).encode()


def _journal_bytes(journal: Journal, line: Line) -> bytes:
    numbers = struct.pack(
        ">qqQ", line[journal.number], _microseconds(line[journal.time]), line["xact_id"]
    )
    parts = ["" if line[name] is None else _counted(line[name]) for name in journal.texts]
    parts += _options(line, *journal.options)
    return numbers + ",".join(parts).encode()


def _reservation_bytes(line: Line) -> bytes:
    period_start = line["period_start"]
    numbers = struct.pack(
        ">qqqii",
        _microseconds(line["reserved_at"]),
        _microseconds(line["claim_deadline"]),
        -(2**63) if period_start == "-infinity" else _microseconds(f"{period_start}+00:00"),
        line["slot"],
        line["attempts"],
    )
    names = ("owner_id", "asset", "app", "nonce", "operation", "claim_subject", "scope_app")
    text = "".join(_counted(line[name]) for name in names)
    kept_at = line["kept_at"]
    kept = b"" if kept_at is None else struct.pack(">q", _microseconds(kept_at))
    return numbers + text.encode() + kept


def _shown(text: str) -> str:
    # Escaped if it could mislead a terminal.
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _generation(facts: Line, begun_at: str) -> Generation:
    return Generation(
        facts["generation"],
        facts["first_entry_id"],
        datetime.fromisoformat(begun_at),
        int(facts["first_xact_id"]),
    )


def _options(line: Line, *names: str) -> Iterator[str]:
    """Give the columns that are not null as `name=value`: counted, decimal, or true or false."""
    for name in names:
        value = line.get(name)  # An export of 0.1 lacks some columns.
        if isinstance(value, bool):
            yield f"{name}={'true' if value else 'false'}"
        elif isinstance(value, str):
            yield f"{name}={_counted(value)}"
        elif value is not None:
            yield f"{name}={value}"


def _counted(text: str) -> str:
    return f"{len(text)}:{text}"


def _microseconds(at: str) -> int:
    return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND


def main(arguments: Sequence[str]) -> int:
    """Verify an export and print the problems.

    Args:
        arguments: The file, and optionally the horizon of a checkpoint to print the digest for.

    Returns:
        The exit code: 0 if the export is right, 1 if not, 2 for a wrong usage.
    """
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("Usage: python recompute.py EXPORT [HORIZON]\n")
        return 2
    horizon = horizon_of(arguments[1]) if len(arguments) == 2 else WITHOUT_END
    recomputation = Recomputation([horizon])
    wrong = 0
    with Path(arguments[0]).open("rb") as lines:
        for problem in recomputation.problems(lines):
            sys.stdout.write(f"{problem}\n")
            wrong += 1
    sys.stdout.write(
        f"accounts {recomputation.accounts}, entries {recomputation.entries}, wrong {wrong}\n"
        f"digest {recomputation.digest(horizon)}\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
