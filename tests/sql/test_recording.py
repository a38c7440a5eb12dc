"""record_entry when it succeeds: the entry and its effect on the account."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.calls import Connection, balance, call, entries, fails, record, scalar, spend


def test_record_entry_returns_the_entry(tx: Connection) -> None:
    entry = record(tx, nonce="n", amount=7, metadata={"reason": "gift"})
    assert entry.pop("entry_id") > 0
    assert entry.pop("recorded_at").tzinfo is not None
    assert entry == {
        "seq": 1,
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "operation": "CREDIT_ADD",
        "amount": 7,
        "balance": 7,
        "nonce": "n",
        "metadata": {"reason": "gift"},
        "expires_at": None,
        "hold_nonce": None,
        "reverses_seq": None,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
    }


def test_missing_amount_is_the_default(tx: Connection) -> None:
    assert record(tx)["amount"] == 10


def test_debit_is_negative_and_taken_from_the_balance(tx: Connection) -> None:
    record(tx, amount=10)
    entry = spend(tx, 3)
    assert (entry["amount"], entry["balance"]) == (-3, 7)


def test_whole_available_balance_can_be_spent(tx: Connection) -> None:
    record(tx, amount=10)
    assert spend(tx, 10)["balance"] == 0


def test_amount_of_zero_is_an_entry_like_others(tx: Connection) -> None:
    entry = record(tx, operation="CONTENT_ACCESS")
    assert (entry["seq"], entry["amount"], entry["balance"]) == (1, 0, 0)


def test_amount_of_zero_needs_no_credits_on_an_overdrawn_account(tx: Connection) -> None:
    record(tx, amount=1)
    tx.execute("UPDATE ledger.accounts SET min_balance = -5 WHERE owner_id = 'alice'")
    spend(tx, 6)
    assert record(tx, operation="CONTENT_ACCESS")["balance"] == -5


def test_debit_may_go_down_to_the_floor_of_the_account(tx: Connection) -> None:
    record(tx, amount=1)
    tx.execute("UPDATE ledger.accounts SET min_balance = -5 WHERE owner_id = 'alice'")
    assert spend(tx, 6)["balance"] == -5


def test_all_apps_share_the_account(tx: Connection) -> None:
    record(tx, app="app1", amount=10)
    assert spend(tx, 4, app="app2")["balance"] == 6


def test_owners_do_not_share_an_account(tx: Connection) -> None:
    record(tx, owner_id="alice", amount=10)
    entry = record(tx, owner_id="bob", amount=5)
    assert (entry["seq"], entry["balance"]) == (1, 5)


def test_owners_that_differ_in_case_only_are_different(tx: Connection) -> None:
    record(tx, owner_id="alice", amount=10)
    assert record(tx, owner_id="Alice", amount=5)["balance"] == 5


def test_assets_of_an_owner_are_counted_apart(tx: Connection) -> None:
    call(
        tx,
        "define_operation",
        operation="STARS_EARNED",
        description="Stars",
        default_amount=2,
        asset="STAR",
    )
    call(tx, "allow_operation", app="app1", operation="STARS_EARNED")
    record(tx, amount=10)
    entry = record(tx, operation="STARS_EARNED")
    assert (entry["asset"], entry["seq"], entry["balance"]) == ("STAR", 1, 2)
    assert balance(tx) == 10


def test_default_of_the_app_comes_before_the_default_of_the_operation(tx: Connection) -> None:
    call(tx, "allow_operation", app="app2", operation="CREDIT_ADD", default_amount=25)
    assert record(tx, app="app2")["amount"] == 25
    assert record(tx, app="app1")["amount"] == 10


def test_expiry_of_the_operation_is_noted_in_the_entry(tx: Connection) -> None:
    entry = record(tx, app="app2", operation="PLAN_ALLOWANCE")
    in_a_month = scalar(
        tx,
        "SELECT (%s AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'",
        entry["recorded_at"],
    )
    assert entry["expires_at"] == in_a_month


def test_expiry_of_the_request_comes_before_that_of_the_operation(tx: Connection) -> None:
    at = datetime(2099, 1, 1, tzinfo=UTC)
    entry = record(tx, app="app2", operation="PLAN_ALLOWANCE", expires_at=at)
    assert entry["expires_at"] == at


def test_keys_may_have_255_characters_of_any_bytes(tx: Connection) -> None:
    entry = record(
        tx,
        owner_id="\N{GRINNING FACE}" * 255,
        nonce="\N{MONEY BAG}" * 255,
        operation="DAILY_REWARD",
        claim_subject="\N{KEY}" * 255,
    )
    assert len(entry["owner_id"]) == len(entry["nonce"]) == 255


def test_metadata_may_have_16384_bytes(tx: Connection) -> None:
    metadata = {"k": "x" * (16384 - len('{"k": ""}'))}
    assert record(tx, metadata=metadata)["metadata"] == metadata


def test_refused_calls_leave_no_gap_in_the_numbers(tx: Connection) -> None:
    record(tx, amount=5)
    with fails(tx, "LG301"):
        spend(tx, 6)
    assert spend(tx, 5)["seq"] == 2


def test_times_do_not_run_backwards_within_an_account(tx: Connection) -> None:
    record(tx, amount=5)
    last = scalar(
        tx,
        "UPDATE ledger.accounts SET last_entry_at = last_entry_at + interval '9 seconds' "
        "RETURNING last_entry_at",
    )
    assert spend(tx, 1)["recorded_at"] == last


def test_account_shows_its_last_entry(tx: Connection) -> None:
    record(tx, amount=5)
    entry = spend(tx, 2)
    account = tx.execute(
        "SELECT balance, last_seq, last_entry_at FROM ledger.accounts WHERE owner_id = 'alice'"
    ).fetchone()
    assert account == (3, 2, entry["recorded_at"])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(amounts=st.lists(st.integers(-20, 20).filter(bool), min_size=1, max_size=25))
def test_balance_is_the_sum_of_the_recorded_amounts(tx: Connection, amounts: list[int]) -> None:
    with tx.transaction(force_rollback=True):
        expected: list[int] = []
        for amount in amounts:
            if sum(expected) + amount < 0:
                with fails(tx, "LG301"):
                    spend(tx, -amount)
            else:
                record(tx, operation="CREDIT_ADD" if amount > 0 else "CREDIT_SPEND", amount=amount)
                expected.append(amount)
        found = entries(tx)
        assert [entry["amount"] for entry in found] == expected
        assert [entry["seq"] for entry in found] == list(range(1, len(expected) + 1))
        assert [entry["balance_after"] for entry in found] == [
            sum(expected[: i + 1]) for i in range(len(expected))
        ]
        assert balance(tx) == sum(expected)
