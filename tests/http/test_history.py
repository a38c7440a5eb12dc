"""What was: `?at=` and the statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Record = Callable[..., httpx.Response]

SINCE = "2020-01-01T00:00:00Z"
UNTIL = "2999-01-01T00:00:00Z"


def test_the_balance_at_a_time_counts_the_entries_until_then(
    api: httpx.Client, record: Record, owner: str
) -> None:
    times = [record(amount=amount).json()["recorded_at"] for amount in (10, 5, 1)]

    balances = [api.get(f"/ledger/{owner}", params={"at": time}).json() for time in times]

    assert balances == [
        {"owner_id": owner, "asset": "CREDIT", "at": time, "balance": balance}
        for time, balance in zip(times, (10, 15, 16), strict=True)
    ]


def test_there_was_nothing_before_the_first_entry(
    api: httpx.Client, record: Record, owner: str
) -> None:
    record(amount=10)

    assert api.get(f"/ledger/{owner}?at={SINCE}").json()["balance"] == 0
    assert api.get(f"/ledger/nobody?at={SINCE}").json()["balance"] == 0


def test_a_statement_ties_out(api: httpx.Client, record: Record, owner: str) -> None:
    first = record(amount=10).json()["recorded_at"]
    second = record(amount=5).json()["recorded_at"]
    record(amount=2)
    record(operation="CREDIT_SPEND", amount=-3)
    record(operation="CONTENT_ACCESS")

    whole = api.get(f"/ledger/{owner}/statement", params={"since": SINCE, "until": UNTIL}).json()
    later = api.get(f"/ledger/{owner}/statement", params={"since": second, "until": UNTIL}).json()
    early = api.get(f"/ledger/{owner}/statement", params={"since": SINCE, "until": second}).json()

    assert whole == {
        "owner_id": owner,
        "asset": "CREDIT",
        "since": SINCE,
        "until": UNTIL,
        "opening": 0,
        "totals": [
            {"app": "app1", "operation": "CONTENT_ACCESS", "entry_count": 1, "amount": 0},
            {"app": "app1", "operation": "CREDIT_ADD", "entry_count": 3, "amount": 17},
            {"app": "app1", "operation": "CREDIT_SPEND", "entry_count": 1, "amount": -3},
        ],
        "closing": 14,
    }
    assert first < second
    assert (early["opening"], early["closing"]) == (0, 10)
    assert (later["opening"], later["closing"]) == (10, 14)
    assert later["opening"] + sum(total["amount"] for total in later["totals"]) == 14


def test_an_owner_never_seen_has_an_empty_statement(api: httpx.Client) -> None:
    query = {"since": SINCE, "until": UNTIL}
    statement: dict[str, Any] = api.get("/ledger/nobody/statement", params=query).json()

    assert (statement["opening"], statement["totals"], statement["closing"]) == (0, [], 0)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?at=", "at"),
        ("?at=now", "at"),
        ("?at=2020-01-01", "at"),
        ("?at=2020-01-01T00:00:00", "at"),
        ("?at=1577836800", "at"),
        ("?at=2999-01-01T00:00:00Z", "at"),
        ("?at=9999-12-31T23:59:59-14:00", "at"),
        ("/statement", "since"),
        (f"/statement?since={SINCE}", "until"),
        (f"/statement?until={UNTIL}", "since"),
        (f"/statement?since={UNTIL}&until={UNTIL}", "since"),
        (f"/statement?since={SINCE}&until=2019-12-31T00:00:00Z", "until"),
        (f"/statement?since={SINCE}&until=2020-02-31T00:00:00Z", "until"),
        (f"/statement?since={SINCE}&since={SINCE}&until={UNTIL}", "since"),
        (f"/statement?since={SINCE}&until={UNTIL}&color=red", "color"),
        (f"/statement?since={SINCE}&until={UNTIL}&asset=gold", "asset"),
    ],
)
def test_a_bad_query_parameter_is_named(api: httpx.Client, path: str, field: str) -> None:
    response = api.get(f"/ledger/alice{path}")

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00%2B14:00", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]
)
def test_any_time_in_the_past_can_be_asked_for(api: httpx.Client, time: str) -> None:
    assert api.get(f"/ledger/alice?at={time}").status_code == 200
