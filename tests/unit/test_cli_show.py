"""The command `ledger show`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import conninfo_to_dict

from ledger_py.cli import main
from ledger_py.cli.curve import curve
from ledger_py.structs import BalanceStep
from ledger_py.wording import escaped, quoted
from tests.sql.calls import Connection, call, count_asset, record, rows, spend
from tests.sql.conftest import LogIn, log_in  # noqa: F401 (a fixture)
from tests.sql.lifecycle import place

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
TIME = "2999-01-01T00:00:00Z"
HOSTILE = "a\x1b[2J\x9b31m\r\n\u202eevil\u2066\u200d"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return CliRunner()


def show(runner: CliRunner, url: str, *arguments: str) -> Result:
    return runner.invoke(main, ["show", *arguments], env={"DATABASE_URL": url})


def words_of(shown: Result) -> list[str]:
    """Return the lines with one space between words."""
    return [" ".join(line.split()) for line in shown.stdout.splitlines()]


def address(conn: Connection) -> str:
    """Return the address under which a connection was made."""
    given = conninfo_to_dict(conn.info.dsn, password=conn.info.password)
    return f"postgresql://?{urlencode(given)}"


def step(minutes: int, balance: int) -> BalanceStep:
    return BalanceStep(at=BEGIN + timedelta(minutes=minutes), balance=balance, held=0, seq=1)


def test_account_is_shown_on_a_page(runner: CliRunner, conn: Connection, ledger_db: str) -> None:
    record(conn, amount=30, nonce="gift")
    record(conn, amount=12, nonce="lot", expires_at=TIME)
    spend(conn, 2, nonce="order-1")
    place(conn, 4, nonce="job 7")

    result = show(runner, ledger_db, "alice")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith('"alice" CREDIT, at 20')
    assert lines[2:6] == [
        "balance    40",
        "held        4",
        "available  36",
        "6 that no hold reserves will expire at 2999-01-01 00:00:00Z",
    ]
    assert lines[7].startswith("42 | ")
    words = [" ".join(line.split()) for line in lines]
    assert "Latest entries, of 3" in words
    assert any(line.startswith("3 20") and line.endswith("order-1") for line in words)
    assert "2 2999-01-01 00:00:00Z 10 4 app1 CREDIT_ADD lot" in words
    assert any(line.endswith('Z 4 4 app1 CREDIT_SPEND "job 7"') for line in words)
    assert any(line.endswith('Z hold_end 4 40 0 app1 "job 7"') for line in words)
    assert words[-1] == "2999-01-01 00:00:00Z expiry -10 30 0 app1 lot"


def test_budgets_growths_and_debts_are_shown(
    runner: CliRunner, conn: Connection, ledger_db: str
) -> None:
    price: dict[str, Any] = {"unit_amount": -2, "unit_size": 1000, "rounding": "up"}
    bounds: dict[str, Any] = {"min_amount": -1000, "max_amount": -1, "max_debt": 20}
    call(conn, "define_operation", operation="TOKENS", description="Tokens", **bounds, **price)
    call(conn, "allow_operation", app="app1", operation="TOKENS")
    said = {"owner_id": "alice", "actor": "Olga", "reason": "as agreed"}
    call(conn, "set_budget", budget="all", most=100, period="ever", **said)
    call(conn, "set_budget", budget="key", most=80, period="ever", spender="*", **said)
    record(conn, amount=30)
    ended: dict[str, Any] = {"app": "app1", "hold_nonce": "job-1"}
    place(conn, 4, nonce="job-1", operation="TOKENS")
    call(conn, "grow_hold", **ended, nonce="more", by=6)

    words = words_of(show(runner, ledger_db, "alice"))

    assert any(line.endswith("Z 10 10 app1 TOKENS job-1") for line in words)
    assert "#......... 0 10 100 ever never all all" in words
    assert ".......... 0 0 80 ever never key each" in words

    call(conn, "capture_hold", **ended, nonce="paid", quantity=18000, beyond="debt")
    words = words_of(show(runner, ledger_db, "alice"))

    assert "available -6" in words
    assert any(line.endswith("-36 -6 app1 TOKENS of 18000, overdrawn paid") for line in words)


def test_allowances_are_shown_before_and_after_the_first_has_come(
    runner: CliRunner, conn: Connection, ledger_db: str
) -> None:
    plan: dict[str, Any] = {"app": "app1", "owner_id": "alice", "operation": "CREDIT_ADD"}
    future: dict[str, Any] = {"starts_at": "2999-01-01Z", "carry_over_most": 9, "occurrences": 2}
    call(conn, "grant_allowance", **plan, **future, nonce="plan", amount=50, carry_over_for=3)

    words = words_of(show(runner, ledger_db, "alice"))

    assert "50 of allowances will come at 2999-01-01 00:00:00Z" in words
    assert "open 2999-01-01 00:00:00Z 50 month 9 for 3 app1 CREDIT_ADD plan" in words
    assert any(line.startswith("2999-01-01 00:00:00Z allowance 50 50 0") for line in words)

    call(conn, "grant_allowance", **plan, nonce="gift", amount=3, period=None)
    call(conn, "end_allowance", app="app1", allowance_nonce="plan")
    words = words_of(show(runner, ledger_db, "alice"))

    assert "ended - 3 once - app1 CREDIT_ADD gift" in words
    assert "ended - 50 month 9 for 3 app1 CREDIT_ADD plan" in words


def test_parts_tell_what_credits_are_for(
    runner: CliRunner, conn: Connection, ledger_db: str
) -> None:
    record(conn, operation="CONTEST_PRIZE", expires_at="2999-01-01T00:00:00Z")
    record(conn, amount=2)

    words = words_of(show(runner, ledger_db, "alice"))

    begin = words.index("What the balance consists of, as it is spent")
    assert words[begin + 2 : begin + 4] == [
        "25 0 2999-01-01 00:00:00Z free, for CONTENT_CREATION",
        "2 0 never anything",
    ]


def test_other_side_of_a_transfer_is_told(
    runner: CliRunner, conn: Connection, ledger_db: str
) -> None:
    record(conn, amount=10)
    rows(conn, "transfer_credits", app="app1", from_owner_id="alice", to_owner_id=HOSTILE,
         operation="CREDIT_GIFT", nonce="gift", amount=3)  # fmt: skip

    sent = words_of(show(runner, ledger_db, "alice"))
    received = show(runner, ledger_db, HOSTILE, "--json")

    assert any(line.endswith(f"-3 7 app1 CREDIT_GIFT gift, to {quoted(HOSTILE)}") for line in sent)
    assert [it["peer_owner_id"] for it in json.loads(received.stdout)["entries"]] == ["alice"]


def test_login_of_an_app_is_not_told_the_other_side(
    runner: CliRunner,
    conn: Connection,
    log_in: LogIn,  # noqa: F811 (the fixture)
) -> None:
    record(conn, amount=10)
    rows(conn, "transfer_credits", app="app1", from_owner_id="alice", to_owner_id="bob",
         operation="CREDIT_GIFT", nonce="gift", amount=3)  # fmt: skip

    shown = words_of(show(runner, address(log_in(member_of="ledger_app")), "alice"))

    assert any(line.endswith("-3 7 app1 CREDIT_GIFT gift") for line in shown)


def test_lists_are_cut_and_say_so(runner: CliRunner, conn: Connection, ledger_db: str) -> None:
    for _ in range(11):
        record(conn, amount=1)

    lines = show(runner, ledger_db, "alice").stdout.splitlines()

    begin = lines.index("Latest entries, of 11 (the first 10)")
    assert len(lines) == begin + 12


def test_json_has_exact_numbers(runner: CliRunner, conn: Connection, ledger_db: str) -> None:
    conn.execute(
        "SELECT ledger.record_entry('app1', 'alice', 'CREDIT_ADD', 'n', 5,"
        """ '{"rate": 0.12345678901234567890, "note": "ü\u202e"}')"""
    )

    result = show(runner, ledger_db, "alice", "--json")

    assert result.exit_code == 0
    assert '"rate": 0.12345678901234567890' in result.stdout
    assert "ü\\u202e" in result.stdout
    page = json.loads(result.stdout)
    assert page["balance"]["balance"] == 5
    assert [it["seq"] for it in page["entries"]] == [1]
    assert [it["balance"] for it in page["timeline"]] == [5]
    assert (page["lots"], page["holds"], page["forecast"], page["matches"]) == ([], [], [], [])


def test_asset_is_chosen(runner: CliRunner, conn: Connection, ledger_db: str) -> None:
    record(conn)
    unknown = show(runner, ledger_db, "alice", "--asset", "COIN")
    count_asset(conn, "COIN")

    result = show(runner, ledger_db, "alice", "--asset", "COIN")

    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "is not an asset of this ledger, which has CREDIT" in unknown.stderr
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        '"alice" has no entries in COIN',
        "There is:",
        '  owner "alice" CREDIT, 1 entry',
    ]


@pytest.mark.parametrize("typed", ["ali", "alicia", "alice smith"])
def test_unknown_owner_has_no_entries_and_others_are_suggested(
    runner: CliRunner, conn: Connection, ledger_db: str, typed: str
) -> None:
    record(conn)

    result = show(runner, ledger_db, typed)

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f'"{typed}" has no entries in CREDIT'
    assert '  owner "alice" CREDIT, 1 entry' in result.stdout.splitlines()


def test_other_names_lead_to_their_account(
    runner: CliRunner, conn: Connection, ledger_db: str
) -> None:
    record(conn, nonce="order-1", amount=9)
    place(conn, 2, nonce="job-1")

    entry, hold = (
        show(runner, ledger_db, typed).stdout.splitlines()[2:] for typed in ("order-1", "job-1")
    )

    assert entry == ['  entry of "alice" CREDIT #1: app1 CREDIT_ADD 9, nonce "order-1"']
    assert hold == ['  hold of "alice" CREDIT: app1 CREDIT_SPEND 2, nonce "job-1"']


def test_nothing_is_suggested_for_what_is_like_nothing(runner: CliRunner, ledger_db: str) -> None:
    result = show(runner, ledger_db, "nobody", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["matches"] == []
    assert show(runner, ledger_db, "nobody").stdout == '"nobody" has no entries in CREDIT\n'


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_odd_texts_cannot_move_the_terminal(
    runner: CliRunner, conn: Connection, ledger_db: str, more: list[str]
) -> None:
    record(conn, owner_id=HOSTILE, nonce=HOSTILE, expires_at=TIME)
    place(conn, 1, owner_id=HOSTILE, nonce=f"{HOSTILE}2")
    record(conn, owner_id=f"{HOSTILE}3")

    for owner_id in (HOSTILE, HOSTILE[:-1]):
        printed = show(runner, ledger_db, owner_id, *more).stdout
        assert all(line.isprintable() for line in printed.split("\n"))
        assert "\\u001b[2J\\u009b31m\\r\\n\\u202eevil" in printed


@pytest.mark.parametrize("owner_id", ["ירושלים", "العربية", "👩‍👩‍👧", "ü", "a b", '"', "\\"])
def test_owner_of_any_script_is_shown(
    runner: CliRunner, conn: Connection, ledger_db: str, owner_id: str
) -> None:
    record(conn, owner_id=owner_id)

    result = show(runner, ledger_db, owner_id)

    assert result.exit_code == 0
    shown, _ = json.JSONDecoder().raw_decode(result.stdout)
    assert shown == owner_id


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([""], "Error: owner_id must have 1 to 255 characters\n"),
        (["x" * 256], "Error: owner_id must have 1 to 255 characters\n"),
        (["alice", "--asset", "gold"], "Error: asset must be upper snake case, at most 63"),
    ],
)
def test_malformed_name_is_refused(
    runner: CliRunner, ledger_db: str, arguments: list[str], said: str
) -> None:
    result = show(runner, ledger_db, *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(said)


@pytest.mark.parametrize("group", ["ledger_app", "ledger_auditor", "ledger_operator"])
def test_every_login_that_reads_may_show(
    runner: CliRunner,
    conn: Connection,
    log_in: LogIn,  # noqa: F811
    group: str,
) -> None:
    record(conn)
    result = show(runner, address(log_in(member_of=group)), "alice")

    assert result.exit_code == 0, result.output


def test_login_without_rights_is_told_what_it_lacks(
    runner: CliRunner,
    log_in: LogIn,  # noqa: F811
) -> None:
    result = show(runner, address(log_in()), "alice")

    assert result.exit_code == 1
    assert "ledger_auditor" in result.stderr


# The curve


def test_curve_is_full_to_the_least_and_light_to_the_most() -> None:
    steps = [step(0, 100), step(20, 0), step(40, 50), step(50, 100), step(51, 50)]

    drawn = curve(steps, BEGIN + timedelta(minutes=60), blocks=True)

    assert drawn == [
        "100 | " + "█" * 19 + "░" + " " * 29 + "░" * 2,
        "    | " + "█" * 19 + "░" + " " * 29 + "░" * 2,
        "    | " + "█" * 19 + "░" + " " * 19 + "░" + "▄" * 9 + "▄" * 11,
        "    | " + "█" * 19 + "░" + " " * 19 + "░" + "█" * 20,
        "  0 | " + "█" * 19 + "░" + " " * 19 + "░" + "█" * 20,
        "      2030-01-01 00:00:00Z" + " " * 20 + "2030-01-01 01:00:00Z",
    ]


def test_curve_of_a_debt_begins_at_the_lowest_balance() -> None:
    drawn = curve([step(0, -10), step(30, 0)], BEGIN + timedelta(minutes=60), blocks=False)

    assert drawn[0] == "  0 | " + " " * 29 + ":" + "#" * 30
    assert drawn[4] == "-10 | " + " " * 29 + ":" + "#" * 30


def test_curve_of_one_moment_and_of_large_balances_is_drawn() -> None:
    most = 2**53 - 1
    assert curve([step(0, 0)], BEGIN, blocks=True)[0] == "0 |"
    assert curve([step(0, most)], BEGIN, blocks=True)[0] == f"{most} | " + "█" * 60


# Words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("alice", '"alice"'),
        ("ü", '"ü"'),
        ('"\\', '"\\"\\\\"'),
        ("\x1b\x7f\x9b\u2028", '"\\u001b\\u007f\\u009b\\u2028"'),
        ("\U000e0041", '"\\udb40\\udc41"'),
    ],
)
def test_quoted_text_is_visible_json(text: str, shown: str) -> None:
    assert quoted(text) == shown
    assert json.loads(shown) == text


def test_escaped_json_keeps_its_lines_and_its_meaning() -> None:
    document = json.dumps({"a": "\u202e", "b": [1, "\x7f"]}, indent=1, ensure_ascii=False)
    assert json.loads(escaped(document)) == json.loads(document)
    assert escaped(document).count("\n") == document.count("\n")
