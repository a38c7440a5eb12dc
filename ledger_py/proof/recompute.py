"""Verifies an export of the entries without a database, in one pass and constant memory.

This file needs nothing but Python: copy it to wherever the export is, read it, and run
`python recompute.py EXPORT`. It decides nothing that the database could have decided wrongly for
it: it only adds, counts and hashes.

The export
    One JSON object per line and entry, sorted by owner_id, asset (both by code point) and seq; the
    last line is `{"entries": N}` with the number of entries before it. Times are ISO 8601,
    `metadata` is a string with the text that PostgreSQL gives for the JSON, `hash` is hexadecimal.

What must hold of each account
    `seq` is 1, 2, 3 …; `balance_after` is the balance before plus `amount`; `recorded_at` does not
    run backwards; and `hash` is SHA-256 over the hash of the entry before (32 zero bytes before the
    first) followed by the entry's canonical bytes, which are

    1. Six numbers of eight bytes, big-endian: `seq`, `entry_id`, `amount`, `balance_after`,
       `recorded_at` in microseconds since 2000-01-01 UTC, `xact_id`.
    2. UTF-8 text, its parts separated by commas: `asset`, `app`, `operation`, then `owner_id` and
       `nonce`, each as its length in characters, a colon and itself; then, only where they are true
       or not null: `amount_defaulted`, `expiry_defaulted`, `metadata=` (length, colon, text),
       `expires_at=` (sixteen hexadecimal digits of the number as in 1), `claim_subject=` and
       `hold_nonce=` (length, colon, text), `hold_final=` (`true` or `false`), `reverses_seq=`
       (decimal), `frees_claim=` (`true` or `false`).

The digest of a checkpoint
    Begin with 32 zero bytes. For each account in the order of the export, take its newest entry
    among those with `xact_id` below the horizon of the checkpoint (accounts without such an entry
    are left out), and replace the digest by SHA-256 over the digest so far, the text
    `length of owner_id:owner_id,asset,seq,` in UTF-8, and the entry's hash of 32 bytes.

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

Entry: TypeAlias = dict[str, Any]

_NOTHING: Final = bytes(32)
_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_MICROSECOND: Final = timedelta(microseconds=1)

WITHOUT_END: Final = 2**64
"""A horizon beyond every transaction: the digest of all that is in the export."""


@dataclass(frozen=True)
class Problem:
    """Something in an export that does not follow from the lines before it."""

    line: int
    """Counted from 1."""
    what: str
    owner_id: str | None = None
    asset: str | None = None
    seq: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}"
        if self.owner_id is not None:
            place += f", {json.dumps(self.owner_id, ensure_ascii=False)} {self.asset} #{self.seq}"
        return f"{place}: {self.what}"


class Recomputation:
    """One pass over an export.

    Args:
        horizons: of the checkpoints whose digests are wanted; by default that of everything.
    """

    def __init__(self, horizons: Sequence[int] = (WITHOUT_END,)) -> None:
        self.accounts = 0
        self.entries = 0
        self._digests = dict.fromkeys(horizons, _NOTHING)
        self._heads: dict[int, Entry] = {}
        self._account: tuple[str, str] | None = None
        self._seq = 0
        self._balance = 0
        self._recorded_at = _EPOCH
        self._hash = _NOTHING

    def problems(self, lines: Iterable[str | bytes]) -> Iterator[Problem]:
        """Read an export to its end.

        Args:
            lines: those of the export, also by and by.

        Yields:
            What is wrong, in the order of the lines; nothing if the export is right.
        """
        number = 0
        stated = None
        for number, line in enumerate(lines, start=1):
            if stated is not None:
                yield Problem(number, "there is something after the last line")
                stated = None
            try:
                content = json.loads(line)
                if content.keys() == {"entries"}:
                    stated = content["entries"]
                    continue
                yield from self._examine(number, content)
            except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
                yield Problem(number, f"is not an entry ({type(error).__name__}: {error})")
            self.entries += 1
        self._close_account()
        if stated != self.entries:
            yield Problem(
                number,
                "the export is not whole: its last line is missing"
                if stated is None
                else f"the export has {self.entries} entries where it says {stated}",
            )

    def digest(self, horizon: int = WITHOUT_END) -> str:
        """Give the digest over the heads of all accounts at a horizon, when all is read.

        Args:
            horizon: one of those that were asked for.

        Returns:
            64 hexadecimal digits, as `ledger.checkpoint()` gives them.
        """
        return self._digests[horizon].hex()

    def _examine(self, number: int, entry: Entry) -> Iterator[Problem]:
        account = (entry["owner_id"], entry["asset"])
        if account != self._account:
            if self._account is not None and account < self._account:
                yield _problem(number, entry, "the export is not sorted by owner_id and asset")
            self._open_account(account)
        recorded_at = datetime.fromisoformat(entry["recorded_at"])
        found = bytes.fromhex(entry["hash"])
        expected = sha256(self._hash + canonical_bytes(entry)).digest()
        if entry["seq"] != self._seq + 1:
            yield _problem(number, entry, f"seq is not {self._seq + 1}")
        if entry["balance_after"] != self._balance + entry["amount"]:
            yield _problem(number, entry, f"balance_after is not {self._balance + entry['amount']}")
        if recorded_at < self._recorded_at:
            yield _problem(number, entry, "recorded_at runs backwards")
        if found != expected:
            yield _problem(number, entry, f"hash is not {expected.hex()}")
        # What follows is held against what is written here, so that each fault is told once.
        self._seq = entry["seq"]
        self._balance = entry["balance_after"]
        self._recorded_at = recorded_at
        self._hash = found
        for horizon in self._digests:
            if entry["xact_id"] < horizon:
                self._heads[horizon] = entry

    def _open_account(self, account: tuple[str, str]) -> None:
        self._close_account()
        self._account = account
        self.accounts += 1
        self._seq = 0
        self._balance = 0
        self._recorded_at = _EPOCH
        self._hash = _NOTHING

    def _close_account(self) -> None:
        for horizon, head in self._heads.items():
            counted = _counted(head["owner_id"])
            name = f"{counted},{head['asset']},{head['seq']},".encode()
            link = self._digests[horizon] + name + bytes.fromhex(head["hash"])
            self._digests[horizon] = sha256(link).digest()
        self._heads = {}


def canonical_bytes(entry: Entry) -> bytes:
    """Give the bytes of an entry over which its hash runs.

    Args:
        entry: a line of an export, decoded.

    Returns:
        All of it but the hash.

    Raises:
        KeyError, TypeError, ValueError, struct.error: it is not an entry.
    """
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
    if entry["metadata"] is not None:
        parts.append(f"metadata={_counted(entry['metadata'])}")
    if entry["expires_at"] is not None:
        parts.append(f"expires_at={struct.pack('>q', _microseconds(entry['expires_at'])).hex()}")
    for name in ("claim_subject", "hold_nonce"):
        if entry[name] is not None:
            parts.append(f"{name}={_counted(entry[name])}")
    if entry["hold_final"] is not None:
        parts.append(f"hold_final={'true' if entry['hold_final'] else 'false'}")
    if entry["reverses_seq"] is not None:
        parts.append(f"reverses_seq={entry['reverses_seq']}")
    if entry["frees_claim"] is not None:
        parts.append(f"frees_claim={'true' if entry['frees_claim'] else 'false'}")
    return numbers + ",".join(parts).encode()


def _counted(text: str) -> str:
    return f"{len(text)}:{text}"


def _microseconds(at: str) -> int:
    return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND


def _problem(number: int, entry: Entry, what: str) -> Problem:
    return Problem(number, what, entry["owner_id"], entry["asset"], entry["seq"])


def main(arguments: Sequence[str]) -> int:
    """Verify the export that is named, and write down what was found.

    Args:
        arguments: the file, and if wanted the horizon of a checkpoint to give the digest for.

    Returns:
        0 if the export is right, 1 if not, 2 if the arguments are not understood.
    """
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("Usage: python recompute.py EXPORT [HORIZON]\n")
        return 2
    horizon = int(arguments[1]) if len(arguments) == 2 else WITHOUT_END
    recomputation = Recomputation([horizon])
    wrong = 0
    with Path(arguments[0]).open("rb") as lines:
        for problem in recomputation.problems(lines):
            sys.stdout.write(f"{problem}\n")
            wrong += 1
    counted = f"{recomputation.entries} entries of {recomputation.accounts} accounts"
    sys.stdout.write(f"{counted}, {wrong} wrong\ndigest {recomputation.digest(horizon)}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
