"""What was: `?at=` and the statement."""

from __future__ import annotations

from collections.abc import Callable

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
