"""`POST /ledger/transfers`: credits go from one owner to another, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fixtures.partitions import companion_of
from tests.http.problems import assert_problem

Record = Callable[..., httpx.Response]
Transfer = Callable[..., httpx.Response]


@pytest.fixture
def friend(owner: str) -> str:
    """Another owner that no other test uses."""
    return companion_of(owner)


@pytest.fixture
def transfer(api: httpx.Client, owner: str, friend: str) -> Transfer:
    """Give 5 credits to the friend, unless told otherwise."""

    def post(amount: int = 5, address: str = "/ledger/transfers", **more: Any) -> httpx.Response:
        gift = {"from_owner_id": owner, "to_owner_id": friend, "operation": "CREDIT_GIFT"}
        return api.post(address, json=gift | {"nonce": f"{owner}-gift", "amount": amount} | more)

    return post


def balances(api: httpx.Client, *owners: str) -> list[int]:
    return [api.get(f"/ledger/{owner}").json()["balance"] for owner in owners]


def test_both_sides_are_answered(
    api: httpx.Client, owner: str, friend: str, record: Record, transfer: Transfer
) -> None:
    soon = "2999-01-01T00:00:00Z"
    record(amount=3, expires_at=soon)
    record(amount=10)

    response = transfer(metadata={"card": 7})

    assert response.status_code == 201, response.text
    answer = response.json()
    assert answer.keys() == {"sent", "received"}
    assert (answer["sent"]["owner_id"], answer["sent"]["balance"]) == (owner, 8)
    received = [(one["amount"], one.get("expires_at")) for one in answer["received"]]
    assert received == [(3, soon), (2, None)]
    assert {one["owner_id"] for one in answer["received"]} == {friend}
    assert [one["metadata"] for one in (answer["sent"], *answer["received"])] == [{"card": 7}] * 3
    assert balances(api, owner, friend) == [8, 5]
    again = transfer(metadata={"card": 7})
    assert (again.status_code, again.json()["sent"]["replayed"]) == (200, True)
    assert balances(api, owner, friend) == [8, 5]


def test_dry_run_transfers_nothing(
    api: httpx.Client, owner: str, friend: str, record: Record, transfer: Transfer
) -> None:
    record(amount=10)

    dry = transfer(address="/ledger/transfers?dry_run=true")
    refused = transfer(11, address="/ledger/transfers?dry_run=true")

    assert (dry.status_code, dry.json()["dry_run"]) == (201, True)
    assert dry.json()["sent"]["balance"] == 5
    assert_problem(refused, 402, "insufficient_balance", dry_run=True, available=10)
    assert balances(api, owner, friend) == [10, 0]
    assert transfer().status_code == 201


def test_operation_that_transfers_is_for_transfers_only(record: Record, transfer: Transfer) -> None:
    record(amount=10)

    entry = record("CREDIT_GIFT", amount=-5)
    problem = assert_problem(entry, 422, "invalid_request", field="operation")
    assert "POST /ledger/transfers" in problem["hint"]
    assert_problem(
        transfer(operation="CREDIT_SPEND"), 422, "not_transferable", operation="CREDIT_SPEND"
    )


@pytest.mark.parametrize(
    ("fields", "status", "code", "values"),
    [
        ({"amount": 1001}, 422, "amount_out_of_bounds", {"min_amount": 1, "max_amount": 1000}),
        ({"amount": 0}, 422, "amount_out_of_bounds", {"max_amount": 1000}),
        ({"amount": "5"}, 422, "invalid_request", {"field": "amount"}),
        ({"amount": None}, 422, "invalid_request", {"field": "amount"}),
        ({"to_owner_id": ""}, 422, "invalid_request", {"field": "to_owner_id"}),
        ({"to_owner_id": "a\0b"}, 422, "invalid_request", {"field": "to_owner_id"}),
        ({"owner_id": "x"}, 422, "invalid_request", {"field": "owner_id"}),
        ({"quantity": 5}, 422, "invalid_request", {"field": "quantity"}),
        ({"nonce": "ledger:x"}, 422, "invalid_request", {"field": "nonce"}),
        ({"operation": "NOTHING"}, 422, "unknown_operation", {}),
        ({"operation": "TOKENS_USED"}, 422, "operation_not_allowed", {"app": "app1"}),
        ({"amount": 11}, 402, "insufficient_balance", {"available": 10, "required": 11}),
    ],
)
def test_refusal_says_why_and_changes_nothing(
    api: httpx.Client,
    owner: str,
    friend: str,
    record: Record,
    transfer: Transfer,
    fields: dict[str, Any],
    status: int,
    code: str,
    values: dict[str, Any],
) -> None:
    record(amount=10)

    assert_problem(transfer(**fields), status, code, **values)
    assert balances(api, owner, friend) == [10, 0]


def test_nobody_gives_to_oneself(owner: str, record: Record, transfer: Transfer) -> None:
    record(amount=10)

    assert_problem(transfer(to_owner_id=owner), 422, "invalid_request", field="to_owner_id")


def test_other_request_under_the_nonce_is_refused(record: Record, transfer: Transfer) -> None:
    record(amount=10)
    transfer()

    assert_problem(transfer(4), 409, "nonce_conflict")


def test_reversal_takes_both_sides_back(
    api: httpx.Client, owner: str, friend: str, record: Record, transfer: Transfer
) -> None:
    record(amount=10)
    (received,) = transfer().json()["received"]
    undo = {"nonce": f"{owner}-undo", "owner_id": owner}

    alone = undo | {"original_nonce": received["nonce"], "owner_id": friend}
    whole = undo | {"original_nonce": f"{owner}-gift"}
    refused = api.post("/ledger/reversals", json=alone)
    reversal = api.post("/ledger/reversals", json=whole)

    assert_problem(refused, 422, "invalid_request", transfer_nonce=f"{owner}-gift")
    assert (reversal.status_code, reversal.json()["amount"]) == (201, 5)
    assert balances(api, owner, friend) == [10, 0]


# In batches


@pytest.fixture
def gift(owner: str, friend: str) -> Callable[..., dict[str, Any]]:
    """Make an entry of a batch that gives 5 credits to the friend."""

    def make(nonce: str, **more: Any) -> dict[str, Any]:
        said = {"owner_id": owner, "to_owner_id": friend, "operation": "CREDIT_GIFT", "amount": 5}
        return said | {"nonce": f"{owner}-{nonce}"} | more

    return make


def test_batch_transfers_in_its_order(
    api: httpx.Client,
    owner: str,
    friend: str,
    record: Record,
    gift: Callable[..., dict[str, Any]],
) -> None:
    record(amount=5)
    entries = [
        gift("one"),
        gift("two"),
        gift("back", owner_id=friend, to_owner_id=owner, amount=2),
        gift("spend", to_owner_id=None, operation="CREDIT_SPEND", amount=-2),
        gift("plain", to_owner_id=None, amount=-2),
        gift("wrong", operation="CREDIT_SPEND"),
        gift("zero", to_owner_id="a\0b"),
        gift("number", to_owner_id=7),
        gift("one"),
    ]

    results = api.post("/ledger/batch", json={"entries": entries}).json()["results"]

    assert [one.get("code", one.get("balance")) for one in results] == [
        0,
        "insufficient_balance",
        3,
        0,
        "invalid_request",
        "not_transferable",
        "invalid_request",
        "invalid_request",
        0,
    ]
    assert results[8] == results[0] | {"replayed": True}
    assert "POST /ledger/transfers" in results[4]["hint"]
    assert [one.get("field") for one in results[6:8]] == ["to_owner_id"] * 2
    assert balances(api, owner, friend) == [0, 3]


def test_atomic_batch_is_all_or_none(
    api: httpx.Client,
    owner: str,
    friend: str,
    record: Record,
    gift: Callable[..., dict[str, Any]],
) -> None:
    record(amount=7)
    batch = {"entries": [gift("one"), gift("two")], "atomic": True}

    assert_problem(
        api.post("/ledger/batch", json=batch), 402, "insufficient_balance", position=2, available=2
    )
    assert balances(api, owner, friend) == [7, 0]


def test_single_entry_has_no_receiver(record: Record, friend: str) -> None:
    refused = record("CREDIT_GIFT", amount=5, to_owner_id=friend)

    assert_problem(refused, 422, "invalid_request", field="to_owner_id")
