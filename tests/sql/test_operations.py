"""The initial operations, and reading the set of an app."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sql.calls import Connection, call, refused, rows, scalar

SHARED = {"CREDIT_ADD", "CREDIT_SPEND", "DAILY_REWARD", "SIGNUP_CREDIT"}


def test_installation_starts_with_the_operations_of_the_design(tx: Connection) -> None:
    found = tx.execute(
        """
        SELECT operation, shared, default_amount, min_amount, max_amount,
            claim_limit, claim_period, claim_scope, claim_time_zone
        FROM ledger.operations
        WHERE operation = ANY(%s)
        """,
        [[*SHARED, "CONTENT_CREATION", "CONTENT_ACCESS"]],
    ).fetchall()
    no_limit = (None, None, None, None)
    assert set(found) == {
        ("DAILY_REWARD", True, 1, 1, 1, 1, "day", "owner", "UTC"),
        ("SIGNUP_CREDIT", True, 3, 3, 3, 1, "ever", "owner", "UTC"),
        ("CREDIT_SPEND", True, -1, -1_000_000_000, -1, *no_limit),
        ("CREDIT_ADD", True, 10, 1, 1_000_000_000, *no_limit),
        ("CONTENT_CREATION", False, -5, -5, -5, *no_limit),
        ("CONTENT_ACCESS", False, 0, 0, 0, *no_limit),
    }


def test_starting_operations_count_credits_and_do_not_expire(tx: Connection) -> None:
    found = tx.execute(
        "SELECT DISTINCT asset, expires_after, retired_at FROM ledger.operations "
        "WHERE operation NOT IN ('CONTEST_PRIZE', 'PLAN_ALLOWANCE')"
    ).fetchall()
    assert found == [("CREDIT", None, None)]


def test_no_other_operation_is_shared(tx: Connection) -> None:
    found = tx.execute("SELECT operation FROM ledger.operations WHERE shared").fetchall()
    assert {operation for (operation,) in found} == SHARED


def test_starting_operations_are_in_the_history(tx: Connection) -> None:
    missing = tx.execute(
        """
        SELECT operation FROM ledger.operations
        EXCEPT
        SELECT operation FROM ledger.operation_changes WHERE change = 'defined' AND app IS NULL
        """
    ).fetchall()
    assert missing == []


def test_set_of_an_app_is_the_shared_operations_and_its_own(tx: Connection) -> None:
    sets = {
        app: {row["operation"] for row in rows(tx, "operations_of", app=app)}
        for app in ("app1", "app2")
    }
    assert sets == {
        "app1": SHARED | {"CONTENT_ACCESS", "CONTENT_CREATION", "CONTEST_PRIZE", "CREDIT_GIFT"},
        "app2": SHARED | {"PLAN_ALLOWANCE", "TOKENS_USED"},
    }


def test_operation_is_listed_with_its_whole_rule(tx: Connection) -> None:
    listed = {row["operation"]: row for row in rows(tx, "operations_of", app="app2")}
    allowance = listed["PLAN_ALLOWANCE"]
    assert allowance.pop("description")
    # psycopg converts a month to 30 days.
    assert allowance.pop("expires_after") == timedelta(days=30)
    assert allowance == {
        "operation": "PLAN_ALLOWANCE",
        "shared": False,
        "asset": "CREDIT",
        "default_amount": 1000,
        "min_amount": 1,
        "max_amount": 100_000,
        "claim_limit": None,
        "claim_period": None,
        "claim_scope": None,
        "claim_time_zone": None,
        "unit_amount": None,
        "unit_size": None,
        "rounding": None,
        "max_debt": 0,
        "credit_class": None,
        "priority": None,
        "usable_for": None,
        "usable_in": None,
        "transferable": False,
    }


def test_bounds_of_the_app_are_the_ones_listed(tx: Connection) -> None:
    call(
        tx,
        "allow_operation",
        app="app1",
        operation="CREDIT_ADD",
        default_amount=5,
        min_amount=2,
        max_amount=50,
    )
    listed = {row["operation"]: row for row in rows(tx, "operations_of", app="app1")}
    found = listed["CREDIT_ADD"]
    assert (found["default_amount"], found["min_amount"], found["max_amount"]) == (5, 2, 50)


def test_retired_operation_is_not_listed(tx: Connection) -> None:
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    listed = {row["operation"] for row in rows(tx, "operations_of", app="app1")}
    assert "CONTENT_ACCESS" not in listed
    assert scalar(
        tx, "SELECT retired_at FROM ledger.operation_sets WHERE operation = 'CONTENT_ACCESS'"
    )


@pytest.mark.parametrize(
    ("app", "sqlstate"), [("app9", "LG101"), ("ledger", "LG101"), (None, "LG001"), ("", "LG001")]
)
def test_unknown_app_has_no_set(tx: Connection, app: str | None, sqlstate: str) -> None:
    with refused(tx, sqlstate):
        rows(tx, "operations_of", app=app)
