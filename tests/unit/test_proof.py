"""An export is proved without a database: what is right passes, and every change is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.rows import TupleRow

from ledger_py.cli import main
from ledger_py.proof import checkpoints, recompute
from ledger_py.proof.errors import ProofError
from ledger_py.proof.recompute import Recomputation, canonical_bytes

Line = dict[str, Any]


def entry(seq: int, amount: int, **columns: Any) -> Line:
    """Make an entry without hash and balance."""
    plain: Line = {
        "table": "entries",
        "owner_id": "alice",
        "asset": "CREDIT",
        "seq": seq,
        "entry_id": 100 + seq,
        "app": "app1",
        "operation": "CREDIT_ADD",
        "amount": amount,
        "balance_after": 0,
        "nonce": f"n-{seq}",
        "metadata": None,
        "recorded_at": f"2030-01-01T00:00:0{seq}.5+00:00",
        "expires_at": None,
        "xact_id": 1000 + seq,
        "amount_defaulted": False,
        "expiry_defaulted": False,
        "claim_subject": None,
        "hold_nonce": None,
        "hold_final": None,
        "reverses_seq": None,
        "frees_claim": None,
        "claim_slot": None,
        "subject_slot": None,
    }
    return plain | columns


def action(action_seq: int, **columns: Any) -> Line:
    """Make a line of the journal of operators without hash."""
    plain: Line = {
        "table": "operator_actions",
        "owner_id": "alice",
        "asset": "CREDIT",
        "action_seq": action_seq,
        "acted_at": f"2030-01-01T00:00:0{action_seq}.5+00:00",
        "role_name": "olga",
        "actor": "Olga ☃",
        "action": "freeze_account",
        "reason": "x",
        "seq": None,
        "before": '{"frozen": false}',
        "after": '{"frozen": true}',
        "xact_id": 1000 + action_seq,
    }
    return plain | columns


def change(change_id: int, **columns: Any) -> Line:
    """Make a line of the journal of the catalogue without hash."""
    plain: Line = {
        "table": "operation_changes",
        "change_id": change_id,
        "changed_at": f"2030-01-01T00:00:0{change_id}.5+00:00",
        "changed_by": "olga",
        "change": "defined",
        "operation": "BONUS",
        "app": None,
        "role_name": None,
        "rule": '{"default_amount": 5}',
        "xact_id": 1000 + change_id,
    }
    return plain | columns


def event(event_seq: int, **columns: Any) -> Line:
    """Make a line of the journal of holds without hash."""
    plain: Line = {
        "table": "hold_events",
        "owner_id": "alice",
        "asset": "CREDIT",
        "event_seq": event_seq,
        "happened_at": f"2030-01-01T00:00:0{event_seq}.5+00:00",
        "app": "app1",
        "hold_nonce": "h ☃",
        "event": "placed",
        "seq": None,
        "hold": '{"status": "open"}',
        "xact_id": 1000 + event_seq,
    }
    return plain | columns


def reservation(nonce: str, **columns: Any) -> Line:
    """Make a reservation of a claim subject, which is no link of a chain."""
    plain: Line = {
        "table": "claim_reservations",
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "nonce": nonce,
        "operation": "SIGNUP_CREDIT",
        "claim_subject": "device ☃",
        "scope_app": "",
        "period_start": "-infinity",
        "slot": 1,
        "reserved_at": "2030-01-01T00:00:01.5+00:00",
        "claim_deadline": "2030-01-01T00:00:11.5+00:00",
        "attempts": 1,
        "kept_at": None,
    }
    line = plain | columns
    return line | {"hash": sha256(canonical_bytes(line)).hexdigest()}


def chained(lines: list[Line]) -> list[Line]:
    """Give the lines of a chain the balances and hashes that they must have."""
    balance, previous = 0, bytes(32)
    for one in lines:
        if one["table"] == "entries":
            balance += one["amount"]
            one["balance_after"] = balance
        previous = sha256(previous + canonical_bytes(one)).digest()
        one["hash"] = previous.hex()
    return lines


def account(owner_id: str) -> list[Line]:
    return chained(
        [
            entry(1, 10, owner_id=owner_id, claim_slot=1, subject_slot=2),
            entry(2, 5, owner_id=owner_id, metadata='{"☃": 1}', expires_at="2031-01-01T00:00:00Z"),
            entry(3, -4, owner_id=owner_id, hold_nonce="h", hold_final=False),
            entry(4, 4, owner_id=owner_id, claim_subject="d", reverses_seq=3, frees_claim=False),
        ]
    )


@pytest.fixture
def export() -> list[Line]:
    """The lines of an export: entries of two accounts, the journals, and reservations."""
    return [
        *account("alice"),
        *account("zoë"),
        *chained([action(1), action(2, seq=4)]),
        *chained([action(1, owner_id="zoë"), action(2, owner_id="zoë")]),
        *chained(
            [
                change(1),
                change(2, app="app1"),
                change(3, change="bound", operation=None, app="app1", role_name="app1_service"),
            ]
        ),
        *chained([event(1), event(2, event="captured", seq=3)]),
        *chained([event(1, owner_id="zoë")]),
        reservation("a"),
        reservation("b", period_start="2030-01-01T00:00:00", kept_at="2030-01-01T00:00:02Z"),
    ]


def written(export: list[Line], stated: int | None = None) -> list[str]:
    """Give the text of an export."""
    count = len(export) if stated is None else stated
    return [json.dumps(one) for one in export] + [json.dumps({"lines": count})]


def problems(export: list[Line], stated: int | None = None) -> list[str]:
    return [str(problem) for problem in Recomputation().problems(written(export, stated))]


def test_right_export_has_no_problems(export: list[Line]) -> None:
    assert problems(export) == []


def test_empty_export_is_right() -> None:
    assert problems([]) == []


OTHER: dict[str, Any] = {
    "entry_id": 7,
    "app": "app2",
    "operation": "CREDIT_SPEND",
    "nonce": "other",
    "metadata": '{"☃": 2}',
    "recorded_at": "2030-01-01T00:00:02.500001+00:00",
    "expires_at": "2031-01-01T00:00:00.000001Z",
    "xact_id": 7,
    "amount_defaulted": True,
    "expiry_defaulted": True,
    "claim_subject": "x",
    "hold_nonce": "x",
    "hold_final": True,
    "reverses_seq": 1,
    "frees_claim": True,
    "claim_slot": 3,
    "subject_slot": 3,
    "hash": "00" * 32,
}


@pytest.mark.parametrize("column", OTHER)
def test_changed_value_is_reported_with_its_line(export: list[Line], column: str) -> None:
    export[1][column] = OTHER[column]
    first, *_ = problems(export)
    assert first.startswith('line 2, entries "alice" CREDIT #2: hash is not ')


OTHER_ACTION: dict[str, Any] = {
    "acted_at": "2030-01-01T00:00:02.500001+00:00",
    "role_name": "otto",
    "actor": "Otto",
    "action": "unfreeze_account",
    "reason": "",
    "seq": None,
    "before": "{}",
    "after": "null",
    "xact_id": 7,
    "hash": "00" * 32,
}
OTHER_CHANGE: dict[str, Any] = {
    "changed_at": "2030-01-01T00:00:02.500001+00:00",
    "changed_by": "otto",
    "change": "retired",
    "operation": "OTHER",
    "app": None,
    "role_name": "otto",
    "rule": "{}",
    "xact_id": 7,
    "hash": "00" * 32,
}
OTHER_EVENT: dict[str, Any] = {
    "happened_at": "2030-01-01T00:00:02.500001+00:00",
    "app": "app2",
    "hold_nonce": "i",
    "event": "released",
    "seq": None,
    "hold": "{}",
    "xact_id": 7,
    "hash": "00" * 32,
}
OTHER_RESERVATION: dict[str, Any] = {
    "owner_id": "bob",
    "asset": "TOKEN",
    "app": "app2",
    "nonce": "c",
    "operation": "DAILY_REWARD",
    "claim_subject": "x",
    "scope_app": "app1",
    "period_start": "2030-01-02T00:00:00",
    "slot": 2,
    "reserved_at": "2030-01-01T00:00:02.500001+00:00",
    "claim_deadline": "2030-01-01T00:00:02.500001+00:00",
    "attempts": 2,
    "kept_at": None,
    "hash": "00" * 32,
}


@pytest.mark.parametrize(
    ("at", "column", "value"),
    [
        *((9, column, value) for column, value in OTHER_ACTION.items()),
        *((13, column, value) for column, value in OTHER_CHANGE.items()),
        *((16, column, value) for column, value in OTHER_EVENT.items()),
    ],
)
def test_changed_value_of_a_journal_is_reported_with_its_line(
    export: list[Line], at: int, column: str, value: Any
) -> None:
    export[at][column] = value
    first, *_ = problems(export)
    row = {
        9: 'operator_actions "alice" CREDIT #2',
        13: "operation_changes #2",
        16: 'hold_events "alice" CREDIT #2',
    }[at]
    assert first.startswith(f"line {at + 1}, {row}: hash is not ")


@pytest.mark.parametrize("column", OTHER_RESERVATION)
def test_changed_value_of_a_reservation_is_reported_with_its_line(
    export: list[Line], column: str
) -> None:
    assert export[-1][column] != OTHER_RESERVATION[column]
    export[-1][column] = OTHER_RESERVATION[column]
    (found,) = problems(export)
    assert found.startswith(f"line {len(export)}, claim_reservations ")
    assert ": hash is not " in found


def test_every_column_is_changed(export: list[Line]) -> None:
    key = {"table", "owner_id", "asset"}
    assert set(export[0]) == {*OTHER, *key, "seq", "amount", "balance_after"}
    assert set(export[9]) == {*OTHER_ACTION, *key, "action_seq"}
    assert set(export[13]) == {*OTHER_CHANGE, "table", "change_id"}
    assert set(export[16]) == {*OTHER_EVENT, *key, "event_seq"}
    assert set(export[-1]) == {*OTHER_RESERVATION, "table"}


def test_changed_amount_is_reported_with_the_next_balance(
    export: list[Line],
) -> None:
    export[1]["amount"] = 6
    assert problems(export)[0] == 'line 2, entries "alice" CREDIT #2: balance_after is not 16'


def test_changed_balance_is_reported_with_its_line_and_the_next(export: list[Line]) -> None:
    export[1]["balance_after"] = 16
    found = problems(export)
    assert found[0] == 'line 2, entries "alice" CREDIT #2: balance_after is not 15'
    assert found[2] == 'line 3, entries "alice" CREDIT #3: balance_after is not 12'


def test_times_may_run_backwards() -> None:
    """The clock was set back, and verify has found it right."""
    backwards = chained([entry(1, 1, recorded_at="2030-01-02T00:00:00Z"), entry(2, 1)])
    assert problems(backwards) == []


def test_missing_line_is_reported_at_the_next_line(export: list[Line]) -> None:
    del export[1]
    found = problems(export)
    assert found[0] == 'line 2, entries "alice" CREDIT #3: seq is not 2'


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (8, 'operator_actions "alice" CREDIT #2: action_seq is not 1'),
        (13, "operation_changes #3: change_id is not 2"),
    ],
)
def test_missing_line_of_a_journal_is_reported_at_the_next_line(
    export: list[Line], at: int, told: str
) -> None:
    del export[at]
    found = problems(export)
    assert found[0] == f"line {at + 1}, {told}"


def test_missing_end_of_an_account_is_reported_by_the_count(export: list[Line]) -> None:
    del export[3]
    assert problems(export, stated=20) == [
        "line 20: the number of lines is 19, not 20",
    ]


def test_truncated_export_is_reported(export: list[Line]) -> None:
    lines = [json.dumps(one) for one in export[:4]]
    (problem,) = Recomputation().problems(lines)
    assert problem.what == "the export is not whole: its last line is missing"


def test_content_after_the_last_line_is_reported(export: list[Line]) -> None:
    lines = [*written([]), *written(export)]
    first, *_ = Recomputation().problems(lines)
    assert first.what == "there is something after the last line"


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ([4, 5, 6, 7, 0, 1, 2, 3], 'line 5, entries "alice" CREDIT #1'),
        ([10, 11, 8, 9], 'line 3, operator_actions "alice" CREDIT #1'),
        ([12, 13, 14, 8, 9], 'line 4, operator_actions "alice" CREDIT #1'),
        ([8, 9, 0, 1, 2, 3], 'line 3, entries "alice" CREDIT #1'),
        ([17, 15, 16], 'line 2, hold_events "alice" CREDIT #1'),
        ([18, 17], 'line 2, hold_events "zoë" CREDIT #1'),
        ([19, 18], 'line 2, claim_reservations "alice" app1 "a"'),
    ],
)
def test_lines_must_be_sorted(export: list[Line], order: list[int], told: str) -> None:
    swapped = [export[at] for at in order]
    assert problems(swapped) == [f"{told}: the export is not sorted"]


@pytest.mark.parametrize(
    "line",
    ["", "x", "[]", "1", "null", '{"lines": 1, "x": 2}', '{"table": "x"}', "{}", b"\xff"],
)
def test_foreign_line_is_reported(line: str | bytes) -> None:
    first, *_ = Recomputation().problems([line])
    assert first.line == 1
    assert first.what.startswith("is no line of an export (")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("seq", "1"),
        ("seq", 1.0),
        ("amount", None),
        ("amount", 2**63),
        ("recorded_at", "yesterday"),
        ("recorded_at", "2030-01-01T00:00:00"),
        ("hash", "x"),
        ("nonce", None),
        ("metadata", {"a": 1}),
        ("xact_id", -1),
    ],
)
def test_value_of_the_wrong_type_is_reported(export: list[Line], column: str, value: Any) -> None:
    export[0][column] = value
    assert problems(export)[0].startswith("line 1")


def test_digest_is_a_chain_over_the_newest_lines_below_the_horizon(export: list[Line]) -> None:
    late = export[4:8]
    for one in late:
        one["xact_id"] += 2
    chained(late)
    recomputation = Recomputation([(1, 1001), (1, 1003), (1, 1005)])
    assert list(recomputation.problems(written(export))) == []

    def chain(*links: tuple[str, Line]) -> str:
        digest = bytes(32)
        for name, head in links:
            digest = sha256(digest + name.encode() + bytes.fromhex(head["hash"])).digest()
        return digest.hex()

    journals = (
        ("operator_actions,5:alice,CREDIT,2,", export[9]),
        ("operator_actions,3:zoë,CREDIT,2,", export[11]),
    )
    holds = (
        ("hold_events,5:alice,CREDIT,2,", export[16]),
        ("hold_events,3:zoë,CREDIT,1,", export[17]),
    )
    assert recomputation.digest((1, 1001)) == bytes(32).hex()
    assert recomputation.digest((1, 1003)) == chain(
        ("entries,5:alice,CREDIT,2,", export[1]),
        *journals,
        ("operation_changes,2,", export[13]),
        *holds,
    )
    assert recomputation.digest((1, 1005)) == chain(
        ("entries,5:alice,CREDIT,4,", export[3]),
        ("entries,3:zoë,CREDIT,2,", export[5]),
        *journals,
        ("operation_changes,3,", export[14]),
        *holds,
    )


def test_file_can_be_run_by_itself(export: list[Line], tmp_path: Path) -> None:
    """It needs nothing but Python: no package of the project, none of others."""
    script = tmp_path / "recompute.py"
    script.write_text(Path(recompute.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    lines = written(export)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("\n".join(lines) + "\n", encoding="utf-8")
    wrong.write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run(str(right)).stdout.startswith("accounts 2, entries 8, wrong 0\ndigest ")
    assert run(str(right), "1").stdout.endswith(f"digest {bytes(32).hex()}\n")
    assert run(str(wrong)).returncode == 1
    assert run().returncode == 2


# Checkpoints


@pytest.mark.parametrize("content", ["x", "{}", '{"horizon": 1}', "", "\n"])
def test_file_without_checkpoints_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kept"
    path.write_text(content)
    with pytest.raises(ProofError, match="kept"):
        list(checkpoints.read(path))


# The commands


@pytest.fixture
def books(ledger_db: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """Books with something in them, as their owner sees them."""
    with psycopg.connect(ledger_db, autocommit=True) as conn:
        for n, owner_id in enumerate(["alice", "zoë", 'a"b\\c', "line\nbreak", "alice"]):
            conn.execute(
                "SELECT ledger.record_entry(app => 'app1', owner_id => %s, nonce => %s, "
                "operation => 'CREDIT_ADD', metadata => %s, expires_at => '2099-01-01Z')",
                [owner_id, f"n\\{n}", json.dumps({"☃": "\\n\x7f", "n": n})],
            )
        conn.execute(
            "SELECT ledger.adjust_balance(owner_id => 'alice', amount => 1, nonce => 'by hand', "
            "actor => 'Olga ☃', reason => E'line\\nbreak')"
        )
        conn.execute(
            r"SELECT ledger.freeze_account(owner_id => 'alice', actor => 'a\b', reason => 'x')"
        )
        yield conn


@pytest.fixture
def ledger(ledger_db: str) -> Any:
    def run(*arguments: Any, answer: str | None = None) -> Result:
        environment = {"DATABASE_URL": ledger_db}
        words = [str(it) for it in arguments]
        return CliRunner().invoke(main, words, env=environment, input=answer)

    return run


def tamper(conn: psycopg.Connection[TupleRow], change: str, table: str = "entries") -> None:
    guard = f"TRIGGER {table}_append_only"
    conn.execute(f"ALTER TABLE ledger.{table} DISABLE {guard}".encode())
    conn.execute(f"UPDATE ledger.{table} SET {change}".encode())
    conn.execute(f"ALTER TABLE ledger.{table} ENABLE ALWAYS {guard}".encode())


def test_verify_says_that_the_books_are_right(
    ledger: Any, books: psycopg.Connection[TupleRow]
) -> None:
    assert not books.closed
    result = ledger("verify")
    assert (result.exit_code, result.stdout) == (
        0,
        "The books are right (4 accounts, 6 entries)\n",
    )
    assert result.stderr == "verified 4 accounts\n"
    result = ledger("verify", "--owner", "alice")
    assert result.stdout == "The books are right (1 account, 3 entries)\n"


def test_verify_names_what_is_wrong_and_fails(
    ledger: Any, books: psycopg.Connection[TupleRow]
) -> None:
    tamper(books, "amount = 11 WHERE owner_id = E'line\\nbreak'")
    result = ledger("verify")
    assert result.exit_code == 1
    *rows, verdict = result.stdout.splitlines()
    assert rows[0].startswith(r'entries "line\nbreak" CREDIT #1: balance_after wrong (')
    assert 'expected "11"' in rows[0]
    assert verdict == f"The books are WRONG: {len(rows)} discrepancies (4 accounts, 6 entries)"
    assert ledger("verify", "--owner", "line\nbreak").exit_code == 1
    assert ledger("verify", "--owner", "alice").exit_code == 0


def test_proofs_are_noted(ledger: Any, books: psycopg.Connection[TupleRow]) -> None:
    found = "SELECT kind, discrepancies FROM ledger.proofs ORDER BY kind"
    assert ledger("verify", "--owner", "alice").exit_code == 0
    assert books.execute(found.encode()).fetchall() == []
    assert ledger("verify").exit_code == 0
    assert books.execute(found.encode()).fetchall() == [("verify", 0)]
    assert ledger("checkpoint").exit_code == 0
    tamper(books, "amount = 11 WHERE owner_id = E'line\\nbreak'")
    wrong = len(ledger("verify").stdout.splitlines()) - 1
    assert books.execute(found.encode()).fetchall() == [("checkpoint", 0), ("verify", wrong)]


@pytest.mark.parametrize(
    "unable",
    [
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        "DROP VIEW ledger.proofs; DROP FUNCTION ledger.note_proof",
    ],
    ids=["read-only", "before the migration"],
)
def test_books_are_proved_although_that_cannot_be_noted(
    ledger: Any, books: psycopg.Connection[TupleRow], unable: str
) -> None:
    books.execute(unable.format(books.info.dbname).encode())
    assert ledger("verify").exit_code == 0
    assert ledger("checkpoint").exit_code == 0


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("RAISE EXCEPTION 'out of space' USING ERRCODE = 'disk_full'", "out of space"),
        ("PERFORM pg_terminate_backend(pg_backend_pid())", "terminating connection"),
        ("PERFORM FROM ledger_core.gone", 'relation "ledger_core.gone" does not exist'),
    ],
    ids=["disk full", "connection lost", "rolled back"],
)
def test_verdict_is_told_although_noting_it_fails(
    ledger: Any, books: psycopg.Connection[TupleRow], failing: str, said: str
) -> None:
    books.execute(
        "CREATE OR REPLACE FUNCTION ledger.note_proof(kind text, discrepancies bigint DEFAULT 0)"
        f" RETURNS void LANGUAGE plpgsql AS $$ BEGIN {failing}; END $$".encode()
    )
    result = ledger("verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("The books are right (")
    assert said in result.stderr
    assert ledger("checkpoint").exit_code == 0
    tamper(books, "amount = 11 WHERE owner_id = E'line\\nbreak'")
    result = ledger("verify")
    assert result.exit_code == 1
    assert "The books are WRONG" in result.stdout


def test_checkpoint_is_one_line_of_json(
    ledger: Any, books: psycopg.Connection[TupleRow], tmp_path: Path
) -> None:
    result = ledger("checkpoint")
    (line,) = result.stdout.splitlines()
    assert set(json.loads(line)) == {"horizon", "digest", "accounts", "entries", "taken_at"}
    kept = tmp_path / "kept"
    kept.write_text(line + "\n" + ledger("checkpoint").stdout)
    result = ledger("verify", "--checkpoint", kept)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("nothing recorded before it has changed") == 2

    tamper(books, "hash = sha256(hash) WHERE owner_id = 'zoë'")
    result = ledger("verify", "--checkpoint", kept)
    assert result.exit_code == 1
    assert result.stdout.count("the past has changed since") == 2


def test_changed_checkpoint_alone_fails_verification(
    ledger: Any, books: psycopg.Connection[TupleRow], tmp_path: Path
) -> None:
    assert not books.closed
    kept = tmp_path / "kept"
    kept.write_text(json.dumps(json.loads(ledger("checkpoint").stdout) | {"digest": "0" * 64}))
    result = ledger("verify", "--checkpoint", kept)
    assert result.exit_code == 1
    assert "The books are WRONG: 1 discrepancy" in result.stdout


def test_export_of_claims_is_right(
    ledger: Any, books: psycopg.Connection[TupleRow], tmp_path: Path
) -> None:
    books.execute(
        "SELECT ledger.record_entry(app => 'app1', owner_id => 'dora', nonce => 'signup', "
        "operation => 'SIGNUP_CREDIT', claim_subject => 'device')"
    )
    ledger("export", tmp_path / "entries")
    result = ledger("verify-export", tmp_path / "entries")
    assert result.exit_code == 0, result.output


def test_export_is_proved_without_the_database(
    ledger: Any, books: psycopg.Connection[TupleRow], tmp_path: Path
) -> None:
    file, kept = tmp_path / "entries", tmp_path / "kept"
    kept.write_text(ledger("checkpoint").stdout)
    digest = json.loads(kept.read_text())["digest"]
    result = ledger("export", file)
    assert result.stdout == f"{len(file.read_text().splitlines()) - 1} lines written to {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    result = ledger("verify-export", file, "--checkpoint", kept)
    assert result.exit_code == 0, result.output
    told, printed, verdict = result.stdout.splitlines()
    assert told.endswith("UTC: nothing recorded before it has changed")
    assert printed == f"digest {digest}"
    assert verdict == "The export is right (4 accounts, 6 entries)"

    tamper(books, "nonce = 'other' WHERE owner_id = 'zoë'")
    ledger("export", file, "--yes")
    result = ledger("verify-export", file, "--checkpoint", kept)
    assert result.exit_code == 1
    assert 'line 6, entries "zoë" CREDIT #1: hash is not ' in result.stdout
    assert "The export is WRONG: 1 discrepancy (4 accounts, 6 entries)" in result.stdout

    tamper(books, "actor = 'other' WHERE action_seq = 2", table="operator_actions")
    tamper(books, "changed_by = 'other' WHERE change_id = 1", table="operation_changes")
    ledger("export", file, "--yes")
    result = ledger("verify-export", file)
    assert 'line 8, operator_actions "alice" CREDIT #2: hash is not ' in result.stdout
    assert "line 9, operation_changes #1: hash is not " in result.stdout


@pytest.mark.parametrize(
    ("chain", "column"),
    [
        ({"table": "entries", "owner_id": "zoë"}, "nonce"),
        ({"table": "operator_actions", "owner_id": "alice"}, "actor"),
        ({"table": "operation_changes"}, "changed_by"),
    ],
    ids=["entries", "actions", "changes"],
)
def test_rewritten_export_differs_from_its_checkpoint(
    ledger: Any,
    books: psycopg.Connection[TupleRow],
    tmp_path: Path,
    chain: Line,
    column: str,
) -> None:
    file, kept = tmp_path / "entries", tmp_path / "kept"
    kept.write_text(ledger("checkpoint").stdout)
    ledger("export", file)
    lines = [json.loads(line) for line in file.read_text().splitlines()[:-1]]
    rewritten = [line for line in lines if chain.items() <= line.items()]
    rewritten[0][column] = "rewritten"
    chained(rewritten)
    file.write_text("\n".join(written(lines)))
    assert not books.closed
    assert ledger("verify-export", file).exit_code == 0
    result = ledger("verify-export", file, "--checkpoint", kept)
    assert result.exit_code == 1
    assert "the past has changed since" in result.stdout


def test_failed_export_keeps_the_old_file_only(
    ledger: Any, books: psycopg.Connection[TupleRow], tmp_path: Path
) -> None:
    file = tmp_path / "entries"
    file.write_text("old")
    books.execute("ALTER TABLE ledger.entries RENAME TO gone")
    result = ledger("export", file, "--yes")
    assert result.exit_code == 1
    assert "is of another version" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["entries"]
    assert file.read_text() == "old"


def test_export_to_a_folder_that_is_not_there_is_refused(ledger: Any, tmp_path: Path) -> None:
    result = ledger("export", tmp_path / "nowhere" / "entries")
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr


def test_size_of_a_file_to_be_replaced_is_in_good_english(ledger: Any, tmp_path: Path) -> None:
    file = tmp_path / "entries"
    file.write_text("o")
    assert "is there already (1 byte). Replace it?" in ledger("export", file).stderr


def test_export_asks_before_it_replaces_a_file(ledger: Any, tmp_path: Path) -> None:
    file = tmp_path / "entries"
    file.write_text("old")
    result = ledger("export", file)
    assert result.exit_code == 1
    assert f"{file} is there already (3 bytes). Replace it?" in result.stderr
    assert "Nobody answered: pass --yes if so" in result.stderr
    assert file.read_text() == "old"
    assert ledger("export", file, answer="n\n").exit_code == 1
    assert file.read_text() == "old"
    assert ledger("export", file, answer="y\n").exit_code == 0
    assert ledger("verify-export", file).exit_code == 0


def test_export_deletes_no_file_of_another_name(ledger: Any, tmp_path: Path) -> None:
    (tmp_path / "entries.partial").write_text("mine")
    assert ledger("export", tmp_path / "entries").exit_code == 0
    assert (tmp_path / "entries.partial").read_text() == "mine"


def test_export_follows_a_link(ledger: Any, tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    assert ledger("export", link).exit_code == 0
    assert link.is_symlink()
    assert ledger("verify-export", target).exit_code == 0


def test_export_over_a_file_with_two_names_is_refused(ledger: Any, tmp_path: Path) -> None:
    file = tmp_path / "entries"
    file.write_text("old")
    (tmp_path / "other").hardlink_to(file)
    result = ledger("export", file, "--yes")
    assert result.exit_code == 1
    assert "has further names" in result.stderr
    assert file.read_text() == "old"


def test_export_is_written_into_a_pipe(ledger: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        assert ledger("export", pipe).exit_code == 0
        (tmp_path / "copy").write_bytes(read.result())
    assert pipe.is_fifo()
    assert ledger("verify-export", tmp_path / "copy").exit_code == 0


def test_export_to_a_full_device_fails_and_leaves_the_device(ledger: Any) -> None:
    result = ledger("export", "/dev/full")
    assert result.exit_code == 1
    assert "/dev/full cannot be written: No space left on device" in result.stderr
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_export_to_standard_output_is_nothing_but_the_export(
    ledger: Any, ledger_db: str, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "out"
    with file.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "ledger_py", "export", name],
            env={**os.environ, "DATABASE_URL": ledger_db},
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    assert done.stderr.endswith(f"written to {name}\n")
    assert ledger("verify-export", file).exit_code == 0


def test_verifying_an_owner_without_an_account_fails(ledger: Any) -> None:
    result = ledger("verify", "--owner", "alicia")
    assert result.exit_code == 1
    assert result.stderr == 'Error: The owner "alicia" has no account\n'
    assert result.stdout == ""


@pytest.mark.parametrize("content", [b"a,b\n1,2\n" * 1000, b"\x00\xff\n" * 1000, b"{}\n{}\n"])
def test_file_that_is_no_export_is_not_read_on(ledger: Any, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other"
    file.write_bytes(content)
    result = ledger("verify-export", file)
    assert result.exit_code == 1
    assert "this is not a file of `ledger export`" in result.stdout
    assert len(result.stdout.splitlines()) == 4


def test_settle_settles_all_accounts_that_are_due(
    ledger: Any, books: psycopg.Connection[TupleRow]
) -> None:
    for n in range(3):
        books.execute(
            "SELECT ledger.record_entry(app => 'app1', owner_id => %s, nonce => %s, operation "
            "=> 'CREDIT_ADD', expires_at => clock_timestamp() + interval '1 second')",
            [f"owner {n}", f"due {n}"],
        )
    books.execute(
        "SELECT pg_sleep_until(max(next_due_at)) FROM ledger.accounts WHERE owner_id LIKE 'owner %'"
    )
    result = ledger("settle", "--max", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout == "Nothing is due any more (3 accounts settled)\n"
    assert result.stderr == "settled 1 account\nsettled 2 accounts\nsettled 3 accounts\n"
    assert ledger("settle").stdout == "Nothing is due any more (0 accounts settled)\n"
    # The name that it had
    assert ledger("expire").stdout == "Nothing is due any more (0 accounts settled)\n"
    assert ledger("verify").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify"],
        ["verify", "--owner", "alice"],
        ["checkpoint"],
        ["export", "entries"],
        ["settle"],
        ["show", "alice"],
    ],
)
def test_database_without_a_ledger_is_reported(
    empty_db: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments, env={"DATABASE_URL": empty_db})
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: This database holds no ledger yet: run `ledger migrate` first\n"
    )


@pytest.mark.parametrize("arguments", [["verify"], ["checkpoint"], ["export", "x"], ["expire"]])
def test_unreachable_database_is_reported(arguments: list[str]) -> None:
    url = "postgresql://nobody@/nothing?host=/nonexistent"
    result = CliRunner().invoke(main, arguments, env={"DATABASE_URL": url})
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database cannot be reached: ")


def test_invalid_owner_is_reported(ledger: Any) -> None:
    result = ledger("verify", "--owner", "x" * 256)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The request is not well formed. ")


def test_invalid_checkpoint_file_is_reported(ledger: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("nonsense\n")
    result = ledger("verify", "--checkpoint", kept)
    assert result.exit_code == 1
    assert "line 1: is not a checkpoint" in result.stderr
