"""The functions that manage apps and operations. All of them can be repeated."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.rows import dict_row

from tests.sql.calls import MAX_AMOUNT, Connection, Row, call, record, refused, rows, scalar

BONUS: dict[str, Any] = {
    "operation": "BONUS",
    "description": "A bonus",
    "default_amount": 5,
    "min_amount": 1,
    "max_amount": 9,
}


def changes(tx: Connection) -> list[Row]:
    """Read the history, oldest first, without the changes by migrations."""
    with tx.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM ledger.operation_changes WHERE changed_at >= now() ORDER BY change_id"
        ).fetchall()


def rule(tx: Connection, operation: str = "BONUS") -> Row:
    with tx.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT * FROM ledger.operations WHERE operation = %s", [operation]
        ).fetchone()
    assert found is not None
    return found


# register_app


def test_registered_app_has_the_shared_operations(tx: Connection) -> None:
    call(tx, "register_app", app="app3", description="Third")
    listed = [row["operation"] for row in rows(tx, "operations_of", app="app3")]
    assert listed == ["CREDIT_ADD", "CREDIT_SPEND", "DAILY_REWARD", "SIGNUP_CREDIT"]
    assert record(tx, app="app3")["app"] == "app3"


def test_registering_again_changes_the_description_only(tx: Connection) -> None:
    call(tx, "register_app", app="app1", description="New words")
    assert scalar(tx, "SELECT description FROM ledger.apps WHERE app = 'app1'") == "New words"
    noted = [(it["change"], it["app"], it["rule"]["description"]) for it in changes(tx)]
    assert noted == [("registered", "app1", "New words")]


def test_repeated_registration_changes_nothing(tx: Connection) -> None:
    call(tx, "register_app", app="app3", description="Third")
    before = changes(tx)
    call(tx, "register_app", app="app3", description="Third")
    assert changes(tx) == before


def test_registering_again_keeps_the_bounds_of_the_app(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    call(tx, "register_app", app="app1", description="Content platform")
    listed = {row["operation"]: row for row in rows(tx, "operations_of", app="app1")}
    assert listed["CREDIT_ADD"]["max_amount"] == 50


@pytest.mark.parametrize("app", [None, "", "App3", "3app", "app-3", "a" * 64, "ledger", "app3\n"])
def test_malformed_app_is_refused(tx: Connection, app: str | None) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "register_app", app=app, description="Third")
    assert refusal.detail["field"] == "app"


@pytest.mark.parametrize("description", [None, ""])
def test_app_needs_a_description(tx: Connection, description: str | None) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "register_app", app="app3", description=description)
    assert refusal.detail["field"] == "description"


# define_operation


def test_defined_operation_can_be_allowed_and_recorded(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS)
    call(tx, "allow_operation", app="app1", operation="BONUS")
    assert record(tx, operation="BONUS")["amount"] == 5


def test_default_alone_is_a_fixed_price(tx: Connection) -> None:
    call(tx, "define_operation", operation="BONUS", description="A bonus", default_amount=5)
    assert (rule(tx)["min_amount"], rule(tx)["max_amount"]) == (5, 5)


def test_repeated_definition_changes_nothing(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS)
    before = (rule(tx), changes(tx))
    call(tx, "define_operation", **BONUS)
    assert (rule(tx), changes(tx)) == before


@pytest.mark.parametrize(("first", "second"), [("1 month", "30 days"), ("1 day", "24 hours")])
def test_interval_is_noted_as_it_is_written(tx: Connection, first: str, second: str) -> None:
    """PostgreSQL takes these for equal, but they are not: days of a zone, months of a calendar."""
    for expires_after in (first, second, second):
        call(tx, "define_operation", **BONUS | {"expires_after": expires_after})
    noted = [change["rule"]["expires_after"] for change in changes(tx)[-2:]]
    assert noted == [first.replace("month", "mon"), second.replace("24 hours", "24:00:00")]
    found = scalar(
        tx, "SELECT expires_after::text FROM ledger.operations WHERE operation = 'BONUS'"
    )
    assert found == noted[1]


def test_defining_again_replaces_the_whole_rule(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS, claim_limit=2, claim_period="day")
    call(tx, "define_operation", operation="BONUS", description="Other", default_amount=7)
    found = rule(tx)
    assert (found["description"], found["min_amount"], found["max_amount"]) == ("Other", 7, 7)
    assert (found["claim_limit"], found["claim_period"], found["claim_scope"]) == (None,) * 3


def test_claim_limit_is_per_owner_and_in_utc_by_default(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS, claim_limit=2, claim_period="day")
    assert (rule(tx)["claim_scope"], rule(tx)["claim_time_zone"]) == ("owner", "UTC")


def test_shared_operation_is_given_to_every_app(tx: Connection) -> None:
    call(tx, "register_app", app="app3", description="Third")
    call(tx, "define_operation", **BONUS, shared=True)
    found = tx.execute(
        "SELECT app FROM ledger.app_operations WHERE operation = 'BONUS' ORDER BY app"
    ).fetchall()
    assert found == [("app1",), ("app2",), ("app3",)]


def test_operation_that_becomes_shared_keeps_bounds_of_apps(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS)
    call(tx, "allow_operation", app="app1", operation="BONUS", max_amount=6)
    call(tx, "define_operation", **BONUS, shared=True)
    found = tx.execute(
        "SELECT app, max_amount FROM ledger.operation_sets WHERE operation = 'BONUS' ORDER BY app"
    ).fetchall()
    assert found == [("app1", 6), ("app2", 9)]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("operation", {"operation": None}),
        ("operation", {"operation": "bonus"}),
        ("operation", {"operation": "_BONUS"}),
        ("operation", {"operation": "BONUS\n"}),
        ("operation", {"operation": "B" * 64}),
        ("operation", {"operation": "EXPIRY"}),
        ("operation", {"operation": "REVERSAL"}),
        ("operation", {"operation": "ADJUSTMENT"}),
        ("description", {"description": None}),
        ("description", {"description": ""}),
        ("asset", {"asset": "credit"}),
        ("asset", {"asset": None}),
        ("min_amount", {"min_amount": None, "default_amount": None}),
        ("max_amount", {"max_amount": None, "default_amount": None}),
        ("min_amount", {"min_amount": -MAX_AMOUNT - 1}),
        ("max_amount", {"max_amount": MAX_AMOUNT + 1}),
        ("min_amount", {"min_amount": 9, "max_amount": 1}),
        ("min_amount", {"min_amount": -1}),
        ("default_amount", {"default_amount": 10}),
        ("default_amount", {"default_amount": 0}),
        ("claim_limit", {"claim_limit": 0, "claim_period": "day"}),
        ("claim_limit", {"claim_limit": 1001, "claim_period": "day"}),
        ("claim_period", {"claim_limit": 1}),
        ("claim_period", {"claim_period": "day"}),
        ("claim_period", {"claim_limit": 1, "claim_period": "year"}),
        ("claim_scope", {"claim_limit": 1, "claim_period": "day", "claim_scope": "app"}),
        (
            "claim_time_zone",
            {"claim_limit": 1, "claim_period": "day", "claim_time_zone": "Mars/Phobos"},
        ),
        ("claim_time_zone", {"claim_limit": 1, "claim_period": "day", "claim_time_zone": "+5"}),
        ("expires_after", {"expires_after": "0"}),
        ("expires_after", {"expires_after": "-1 day"}),
        ("expires_after", {"expires_after": "-1 month 31 days"}),
        ("expires_after", {"expires_after": "101 years"}),
        (
            "expires_after",
            {
                "default_amount": -1,
                "min_amount": -1,
                "max_amount": -1,
                "expires_after": "1 day",
            },
        ),
    ],
    ids=str,
)
def test_malformed_rule_is_refused_with_the_field(
    tx: Connection, field: str, wrong: dict[str, Any]
) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "define_operation", **BONUS | wrong)
    assert refusal.detail["field"] == field
    assert refusal.detail["reason"]


# allow_operation


def test_allowing_again_changes_nothing(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    before = changes(tx)
    call(tx, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    assert changes(tx) == before


def test_allowing_without_bounds_goes_back_to_those_of_the_operation(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    call(tx, "allow_operation", app="app1", operation="CREDIT_ADD")
    assert record(tx, amount=51)["amount"] == 51


def test_operation_cannot_be_allowed_to_an_unknown_app(tx: Connection) -> None:
    with refused(tx, "LG101") as refusal:
        call(tx, "allow_operation", app="app9", operation="CREDIT_ADD")
    assert refusal.detail == {"app": "app9"}


def test_unknown_operation_cannot_be_allowed(tx: Connection) -> None:
    with refused(tx, "LG102") as refusal:
        call(tx, "allow_operation", app="app1", operation="NO_SUCH")
    assert refusal.detail == {"operation": "NO_SUCH"}


# retire_operation


def test_retiring_again_changes_nothing(tx: Connection) -> None:
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    before = (rule(tx, "CONTENT_ACCESS"), changes(tx))
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    assert (rule(tx, "CONTENT_ACCESS"), changes(tx)) == before


def test_retired_operation_keeps_its_entries(tx: Connection) -> None:
    record(tx, operation="CONTENT_ACCESS")
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    assert [entry["operation"] for entry in rows(tx, "entries_of", owner_id="alice")] == [
        "CONTENT_ACCESS"
    ]


def test_defining_a_retired_operation_brings_it_back(tx: Connection) -> None:
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    call(
        tx, "define_operation", operation="CONTENT_ACCESS", description="Reading", default_amount=0
    )
    assert record(tx, operation="CONTENT_ACCESS")["amount"] == 0


@pytest.mark.parametrize("operation", ["NO_SUCH", None])
def test_unknown_operation_cannot_be_retired(tx: Connection, operation: str | None) -> None:
    with refused(tx, "LG102"):
        call(tx, "retire_operation", operation=operation)


def test_shared_operation_cannot_be_retired(tx: Connection) -> None:
    with refused(tx, "LG902") as refusal:
        call(tx, "retire_operation", operation="CREDIT_ADD")
    assert refusal.detail == {"operation": "CREDIT_ADD"}


# bind_role


def test_unknown_role_cannot_be_bound(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "bind_role", role="no_such_role", app="app1")
    assert refusal.detail == {"field": "role", "reason": "is not a role of this server"}


def test_role_cannot_be_bound_to_an_unknown_app(tx: Connection) -> None:
    with refused(tx, "LG101"):
        call(tx, "bind_role", role="ledger_auditor", app="app9")


# The history


def test_changes_are_kept_with_time_role_and_rule(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS)
    call(tx, "allow_operation", app="app1", operation="BONUS", max_amount=6)
    call(tx, "retire_operation", operation="BONUS")
    defined, allowed, retired = changes(tx)
    assert [change["change"] for change in (defined, allowed, retired)] == [
        "defined",
        "allowed",
        "retired",
    ]
    assert {change["operation"] for change in changes(tx)} == {"BONUS"}
    assert {change["changed_by"] for change in changes(tx)} == {tx.info.user}
    assert defined["changed_at"] < allowed["changed_at"] < retired["changed_at"]
    assert defined["rule"]["default_amount"] == 5
    assert (allowed["app"], allowed["rule"]["max_amount"]) == ("app1", 6)
    assert retired["rule"]["retired_at"] is not None


def test_price_of_a_time_can_be_looked_up(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS)
    between = scalar(tx, "SELECT clock_timestamp()")
    call(tx, "define_operation", **BONUS | {"default_amount": 8})
    price = scalar(
        tx,
        """
        SELECT rule -> 'default_amount' FROM ledger.operation_changes
        WHERE operation = 'BONUS' AND app IS NULL AND changed_at <= %s
        ORDER BY change_id DESC
        LIMIT 1
        """,
        between,
    )
    assert price == 5


def test_latest_change_of_every_operation_is_the_rule_in_force(tx: Connection) -> None:
    call(tx, "define_operation", **BONUS, claim_limit=1, claim_period="week")
    call(tx, "retire_operation", operation="BONUS")
    tx.execute("SET LOCAL TimeZone = 'UTC'")
    different = tx.execute(
        """
        SELECT operations.operation
        FROM ledger.operations
        CROSS JOIN LATERAL (
            SELECT rule FROM ledger.operation_changes
            WHERE operation_changes.operation = operations.operation AND app IS NULL
            ORDER BY change_id DESC
            LIMIT 1
        ) AS latest
        WHERE jsonb_strip_nulls(latest.rule)
            <> jsonb_strip_nulls(to_jsonb(operations) - 'operation')
        """
    ).fetchall()
    assert different == []
