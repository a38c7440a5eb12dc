"""Transfers: credits go from one owner to another, both sides or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    Row,
    balance,
    call,
    entries,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.lifecycle import (
    capture,
    item,
    operate,
    place,
    record_batch,
    reverse,
)
from tests.sql.test_classes import grants


@pytest.fixture(autouse=True)
def gifts(tx: Connection, clock: Clock) -> None:  # noqa: ARG001 (checks the books after every test)
    """Operations GIFT, of 1 to 100 credits, for app1 and app2."""
    call(tx, "define_operation", operation="GIFT", description="A gift to somebody",
         min_amount=-100, max_amount=-1, transferable=True)  # fmt: skip
    for app in ("app1", "app2"):
        call(tx, "allow_operation", app=app, operation="GIFT")


def transfer(conn: Connection, amount: int | None = 30, **more: Any) -> list[Row]:
    """Transfer from alice to bob under the nonce "gift", unless told otherwise."""
    plain = {"app": "app1", "from_owner_id": "alice", "to_owner_id": "bob", "operation": "GIFT"}
    return rows(conn, "transfer_credits", **plain | {"nonce": "gift", "amount": amount} | more)


def lots(conn: Connection, owner_id: str) -> list[tuple[Any, ...]]:
    """Read what is left of the lots of an owner, and what it is for, as it is spent."""
    return [
        (one["remaining"], one["expires_at"], one["credit_class"], one["usable_for"])
        for one in rows(conn, "lots_of", owner_id=owner_id)
    ]


# Both sides


def test_credits_go_over(tx: Connection, clock: Clock) -> None:
    record(tx, amount=100)
    sent, received = transfer(tx, metadata={"card": "7"})
    assert (balance(tx), balance(tx, "bob")) == (70, 30)
    for entry in (sent, received):
        del entry["entry_id"]
    assert sent == {
        "seq": 2,
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "operation": "GIFT",
        "amount": -30,
        "balance": 70,
        "nonce": "gift",
        "metadata": {"card": "7"},
        "expires_at": None,
        "hold_nonce": None,
        "reverses_seq": None,
        "recorded_at": clock.now,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
    }
    assert received == sent | {
        "seq": 1,
        "owner_id": "bob",
        "amount": 30,
        "balance": 30,
        "nonce": "ledger:transfer:gift:1",
    }


def test_sides_know_each_other(tx: Connection) -> None:
    record(tx, amount=100)
    record(tx, owner_id="bob", amount=1)
    transfer(tx)
    (_, sent), (_, received) = entries(tx), entries(tx, "bob")
    assert (sent["peer_owner_id"], sent["peer_seq"]) == ("bob", 2)
    assert (received["peer_owner_id"], received["peer_seq"]) == ("alice", 2)
    assert sent["xact_id"] == received["xact_id"]


def test_retry_is_answered_with_both_sides(tx: Connection) -> None:
    record(tx, amount=100)
    first = transfer(tx)
    spend(tx, 70)
    call(tx, "define_operation", operation="GIFT", description="None any more",
         default_amount=-1, transferable=True)  # fmt: skip
    operate(tx, "freeze_account", owner_id="bob")
    again = transfer(tx)
    assert again == [entry | {"replayed": True} for entry in first]


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 31},
        {"to_owner_id": "carol"},
        {"from_owner_id": "carol"},
        {"metadata": {"card": "8"}},
        {"spender": "kim"},
    ],
)
def test_other_request_under_the_nonce_is_refused(tx: Connection, other: dict[str, Any]) -> None:
    record(tx, amount=100)
    transfer(tx)
    with refused(tx, "LG201"):
        transfer(tx, **other)


def test_plain_entry_and_transfer_are_different_requests(tx: Connection) -> None:
    record(tx, amount=100)
    record(tx, operation="CREDIT_SPEND", amount=-30, nonce="gift")
    with refused(tx, "LG201"):
        transfer(tx)
    transfer(tx, nonce="other")
    with refused(tx, "LG201"):
        spend(tx, 30, nonce="other")


# What the sender may


def test_transfer_is_covered(tx: Connection) -> None:
    record(tx, amount=29)
    with refused(tx, "LG301") as refusal:
        transfer(tx)
    assert refusal.detail["owner_id"] == "alice"
    assert (refusal.detail["available"], refusal.detail["required"]) == (29, 30)
    assert (balance(tx), balance(tx, "bob")) == (29, 0)
    assert entries(tx, "bob") == []


def test_held_credits_do_not_go_over(tx: Connection) -> None:
    record(tx, amount=40)
    place(tx, 20)
    with refused(tx, "LG301"):
        transfer(tx)


def test_overdraft_of_the_sender_counts(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-10)
    record(tx, amount=20)
    transfer(tx)
    assert (balance(tx), balance(tx, "bob")) == (-10, 30)


@pytest.mark.parametrize("owner_id", ["alice", "bob"])
def test_frozen_account_neither_sends_nor_receives(tx: Connection, owner_id: str) -> None:
    record(tx, amount=100)
    operate(tx, "freeze_account", owner_id=owner_id)
    with refused(tx, "LG303") as refusal:
        transfer(tx)
    assert refusal.detail["owner_id"] == owner_id


def test_budget_of_the_sender_counts_transfers(tx: Connection) -> None:
    record(tx, amount=100)
    gifts = {"budget": "gifts", "period": "day", "operation": "GIFT"}
    call(tx, "set_budget", owner_id="alice", most=40, **gifts, actor="Kim", reason="Limit")
    transfer(tx)
    with refused(tx, "LG307"):
        transfer(tx, 11, nonce="second")
    reverse(tx, "gift", 10)
    transfer(tx, 20, nonce="third")
    assert balance(tx, "bob") == 40


def test_budget_of_everybody_counts_transfers(tx: Connection) -> None:
    record(tx, amount=100)
    call(tx, "define_budget", budget="gifts", most=40, period="day", operation="GIFT")
    transfer(tx)
    with refused(tx, "LG307"):
        transfer(tx, 11, nonce="second")


def test_budget_counts_for_the_spender(tx: Connection) -> None:
    record(tx, amount=100)
    call(tx, "set_budget", owner_id="alice", budget="kims", most=30, period="day", spender="kim",
         actor="Kim", reason="Limit")  # fmt: skip
    (sent, received) = transfer(tx, spender="kim")
    assert (sent["spender"], received["spender"]) == ("kim", None)
    with refused(tx, "LG307"):
        transfer(tx, 1, spender="kim", nonce="second")
    transfer(tx, 1, spender="lee", nonce="third")


def test_claim_limit_is_the_senders(tx: Connection, clock: Clock) -> None:
    call(tx, "define_operation", operation="GIFT", description="One a day", min_amount=-100,
         max_amount=-1, transferable=True, claim_limit=1, claim_period="day")  # fmt: skip
    record(tx, amount=100)
    record(tx, owner_id="carol", amount=100)
    transfer(tx)
    with refused(tx, "LG302"):
        transfer(tx, 1, nonce="second")
    transfer(tx, 5, nonce="third", from_owner_id="carol")
    transfer(tx, 5, nonce="back", from_owner_id="bob", to_owner_id="alice")
    clock.advance("1 day")
    transfer(tx, 1, nonce="tomorrow")


# What is refused


def test_operation_must_transfer(tx: Connection) -> None:
    record(tx, amount=100)
    with refused(tx, "LG309") as refusal:
        transfer(tx, operation="CREDIT_SPEND")
    assert refusal.detail == {"app": "app1", "operation": "CREDIT_SPEND"}
    with refused(tx, "LG102"):
        transfer(tx, operation="NOTHING")
    with refused(tx, "LG103"):
        transfer(tx, operation="TOKENS_USED")
    call(tx, "retire_operation", operation="GIFT")
    with refused(tx, "LG103"):
        transfer(tx)


def test_only_transfers_record_the_operation(tx: Connection) -> None:
    record(tx, amount=100)
    with refused(tx, "LG001") as refusal:
        record(tx, operation="GIFT", amount=-5)
    assert refusal.detail["field"] == "operation"
    assert "transfer_credits" in refusal.hint
    with refused(tx, "LG001"):
        place(tx, 5, operation="GIFT")
    (result,) = record_batch(tx, [item(-5, operation="GIFT")])
    assert result["code"] == "invalid_request"
    assert balance(tx) == 100


@pytest.mark.parametrize("amount", [0, -30, 101, MAX_AMOUNT, -(2**63), 2**63 - 1])
def test_amount_is_within_the_bounds(tx: Connection, amount: int) -> None:
    record(tx, amount=1000)
    with refused(tx, "LG002") as refusal:
        transfer(tx, amount)
    assert refusal.detail == {
        "operation": "GIFT",
        "amount": amount,
        "min_amount": 1,
        "max_amount": 100,
    }


@pytest.mark.parametrize("field", ["from_owner_id", "to_owner_id", "operation", "nonce", "amount"])
def test_missing_field_is_named(tx: Connection, field: str) -> None:
    record(tx, amount=100)
    with refused(tx, "LG001") as refusal:
        transfer(tx, **{field: None})
    assert refusal.detail["field"] == field


def test_nobody_transfers_to_oneself(tx: Connection) -> None:
    record(tx, amount=100)
    with refused(tx, "LG001") as refusal:
        transfer(tx, to_owner_id="alice")
    assert refusal.detail["field"] == "to_owner_id"


@pytest.mark.parametrize("name", [".", ".."])
def test_new_receiver_has_a_name_for_addresses(tx: Connection, name: str) -> None:
    record(tx, amount=100)
    with refused(tx, "LG001") as refusal:
        transfer(tx, to_owner_id=name)
    assert refusal.detail["field"] == "to_owner_id"


def test_nonce_leaves_room_for_those_of_the_parts(tx: Connection) -> None:
    record(tx, amount=100)
    with refused(tx, "LG001") as refusal:
        transfer(tx, nonce="n" * 201)
    assert refusal.detail["field"] == "nonce"
    _, received = transfer(tx, nonce="n" * 200)
    assert len(received["nonce"]) <= 255
    with refused(tx, "LG001"):
        reverse(tx, "n" * 200, nonce="r" * 201)


def test_receiver_may_not_have_too_much(tx: Connection) -> None:
    record(tx, amount=100)
    operate(tx, "adjust_balance", owner_id="bob", amount=MAX_AMOUNT, nonce="much")
    with refused(tx, "LG002"):
        transfer(tx)
    assert balance(tx) == 100


def test_only_debits_are_defined_to_transfer(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "define_operation", operation="WRONG", description="A credit", min_amount=1,
             max_amount=5, transferable=True)  # fmt: skip
    assert refusal.detail["field"] == "transferable"


# What goes over stays as it was


def test_lots_keep_expiry_class_and_use(tx: Connection, clock: Clock) -> None:
    soon, later = clock.ahead(days=2), clock.ahead(days=5)
    grants(tx, "PRIZE", credit_class="free", usable_for=["GIFT", "CREDIT_SPEND"], priority=50)
    record(tx, amount=5, expires_at=soon)
    record(tx, amount=6, expires_at=soon)
    record(tx, amount=7, expires_at=later)
    record(tx, operation="PRIZE", amount=8)
    record(tx, amount=50)
    sent, *received = transfer(tx, 30)
    assert sent["amount"] == -30
    assert [(one["amount"], one["expires_at"]) for one in received] == [
        (8, None),
        (11, soon),
        (7, later),
        (4, None),
    ]
    assert lots(tx, "bob") == [
        (8, None, "free", ["CREDIT_SPEND", "GIFT"]),
        (11, soon, None, None),
        (7, later, None, None),
    ]
    assert lots(tx, "alice") == []
    clock.advance("3 days")
    assert (balance(tx), balance(tx, "bob")) == (46, 19)


def test_credits_for_other_things_do_not_go_over(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CREDIT_SPEND"])
    record(tx, operation="PRIZE", amount=100)
    record(tx, amount=10)
    with refused(tx, "LG301") as refusal:
        transfer(tx)
    assert (refusal.detail["available"], refusal.detail["available_to_others"]) == (10, 100)
    transfer(tx, 10)
    assert lots(tx, "bob") == []


def test_what_is_received_fills_a_debt(tx: Connection, clock: Clock) -> None:
    record(tx, amount=20, expires_at=clock.ahead(days=2))
    operate(tx, "set_min_balance", owner_id="bob", min_balance=-10)
    spend(tx, 10, owner_id="bob")
    transfer(tx, 20)
    assert balance(tx, "bob") == 10
    assert lots(tx, "bob") == [(20 - 10, clock.ahead(days=2), None, None)]


def test_expiry_is_settled_on_both_accounts_first(tx: Connection, clock: Clock) -> None:
    for owner_id in ("alice", "bob"):
        record(tx, owner_id=owner_id, amount=50, expires_at=clock.ahead(days=1))
    record(tx, amount=30)
    clock.advance("2 days")
    transfer(tx)
    assert [one["operation"] for one in entries(tx)] == [
        "CREDIT_ADD",
        "CREDIT_ADD",
        "EXPIRY",
        "GIFT",
    ]
    assert [one["operation"] for one in entries(tx, "bob")] == ["CREDIT_ADD", "EXPIRY", "GIFT"]


def test_sides_have_one_time(tx: Connection, clock: Clock) -> None:
    record(tx, amount=100)
    record(tx, owner_id="carol", amount=9, expires_at=clock.ahead(seconds=1))
    clock.advance("2 seconds")
    record(tx, owner_id="bob", amount=1)
    clock.set(clock.ahead(seconds=-2))
    sent, received = transfer(tx)
    assert sent["recorded_at"] == received["recorded_at"]
    sent, received = transfer(tx, 1, nonce="more", from_owner_id="bob", to_owner_id="carol")
    assert sent["recorded_at"] == received["recorded_at"]
    assert balance(tx, "carol") == 1


# Reversals


def test_transfer_is_taken_back_on_both_sides(tx: Connection) -> None:
    record(tx, amount=100)
    transfer(tx)
    taken = reverse(tx, "gift", nonce="back")
    assert (taken["owner_id"], taken["amount"], taken["operation"]) == ("alice", 30, "REVERSAL")
    assert (balance(tx), balance(tx, "bob")) == (100, 0)
    last = entries(tx, "bob")[-1]
    assert (last["operation"], last["amount"], last["reverses_seq"]) == ("REVERSAL", -30, 1)
    assert (last["nonce"], last["peer_owner_id"]) == ("ledger:transfer:back:1", "alice")
    assert reverse(tx, "gift", nonce="back") == taken | {"replayed": True}


def test_reversals_of_parts_come_to_the_whole(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(days=1))
    record(tx, amount=20, expires_at=clock.ahead(days=2))
    record(tx, amount=100)
    transfer(tx, 45)
    for amount in (5, 15, 20, 5):
        reverse(tx, "gift", amount)
    assert lots(tx, "bob") == []
    assert [one[0] for one in lots(tx, "alice")] == [10, 20]
    with refused(tx, "LG305"):
        reverse(tx, "gift", 1)


def test_reversal_gives_back_what_it_takes_back(tx: Connection, clock: Clock) -> None:
    """Each kind goes back to its own lots, whichever was spent first, and whatever has expired."""
    grants(tx, "PRIO", credit_class="free", priority=10)
    soon, later = clock.ahead(days=2), clock.ahead(days=5)
    record(tx, amount=10, expires_at=soon)
    record(tx, operation="PRIO", amount=10, expires_at=later)
    transfer(tx, 20)
    clock.advance("3 days")
    reverse(tx, "gift")
    assert lots(tx, "alice") == [(10, later, "free", None)]
    assert (balance(tx), balance(tx, "bob")) == (10, 0)


def test_partial_reversal_gives_back_one_kind(tx: Connection, clock: Clock) -> None:
    later, soon = clock.ahead(days=5), clock.ahead(days=2)
    record(tx, amount=10, expires_at=later)
    record(tx, amount=10, expires_at=soon)
    transfer(tx, 20)
    reverse(tx, "gift", 10)
    assert lots(tx, "alice") == [(10, later, None, None)]
    assert lots(tx, "bob") == [(10, soon, None, None)]


def test_reversal_takes_only_what_the_receiver_has(tx: Connection) -> None:
    record(tx, amount=100)
    transfer(tx)
    spend(tx, 10, owner_id="bob")
    with refused(tx, "LG301") as refusal:
        reverse(tx, "gift")
    assert refusal.detail["owner_id"] == "bob"
    assert (balance(tx), balance(tx, "bob")) == (70, 20)
    reverse(tx, "gift", 20)
    assert (balance(tx), balance(tx, "bob")) == (90, 0)


def test_what_expired_at_the_receiver_is_not_taken_back(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(days=1))
    record(tx, amount=100)
    transfer(tx)
    clock.advance("2 days")
    with refused(tx, "LG305") as refusal:
        reverse(tx, "gift", 21)
    assert (refusal.detail["expired"], refusal.detail["reversible"]) == (10, 20)
    reverse(tx, "gift")
    assert (balance(tx), balance(tx, "bob")) == (100, 0)


def test_what_was_received_cannot_be_taken_back_alone(tx: Connection) -> None:
    record(tx, amount=100)
    _, received = transfer(tx)
    with refused(tx, "LG001") as refusal:
        reverse(tx, received["nonce"])
    assert refusal.detail["transfer_nonce"] == "gift"


def test_reversal_is_no_transfer_to_reverse(tx: Connection) -> None:
    record(tx, amount=100)
    transfer(tx)
    reverse(tx, "gift", nonce="back")
    for nonce in ("back", "ledger:transfer:back:1"):
        with refused(tx, "LG001"):
            reverse(tx, nonce)


def test_frozen_receiver_keeps_what_came(tx: Connection) -> None:
    record(tx, amount=100)
    transfer(tx)
    operate(tx, "freeze_account", owner_id="bob")
    with refused(tx, "LG303"):
        reverse(tx, "gift")
    call(tx, "reverse_by_hand", app="app1", nonce="hand", original_nonce="gift", actor="Kim",
         reason="Fraud")  # fmt: skip
    assert (balance(tx), balance(tx, "bob")) == (100, 0)


def test_what_came_goes_further(tx: Connection, clock: Clock) -> None:
    record(tx, amount=30, expires_at=clock.ahead(days=1))
    transfer(tx)
    transfer(tx, nonce="further", from_owner_id="bob", to_owner_id="carol")
    assert lots(tx, "carol") == [(30, clock.ahead(days=1), None, None)]
    with refused(tx, "LG301"):
        reverse(tx, "gift")
    reverse(tx, "further")
    reverse(tx, "gift")
    assert lots(tx, "alice") == [(30, clock.ahead(days=1), None, None)]


def test_received_credits_can_be_held(tx: Connection, clock: Clock) -> None:
    record(tx, amount=30, expires_at=clock.ahead(days=1))
    transfer(tx)
    place(tx, 20, owner_id="bob", nonce="held", expires_in="3 days")
    with refused(tx, "LG301"):
        reverse(tx, "gift")
    clock.advance("2 days")
    capture(tx, "held", 5)
    assert balance(tx, "bob") == 0


# In batches


def gift(nonce: str, **more: Any) -> Row:
    """Return an item that transfers 5 from alice to bob."""
    return {
        "owner_id": "alice", "to_owner_id": "bob", "operation": "GIFT", "nonce": nonce, "amount": 5,
    } | more  # fmt: skip


def test_batch_records_in_its_order(tx: Connection) -> None:
    record(tx, amount=5)
    results = record_batch(
        tx,
        [
            gift("one"),
            gift("two"),
            item(7),
            gift("three"),
            gift("back", owner_id="bob", to_owner_id="alice"),
            gift("one"),
        ],
    )
    assert [one["code"] for one in results] == [None, "insufficient_balance", *[None] * 4]
    assert [one["balance"] for one in results] == [0, None, 7, 2, 5, 0]
    assert results[5]["replayed"] is True
    assert (balance(tx), balance(tx, "bob")) == (7, 5)


def test_atomic_batch_is_all_or_none(tx: Connection) -> None:
    record(tx, amount=7)
    with refused(tx, "LG301") as refusal:
        record_batch(tx, [gift("one"), gift("two")], atomic=True)
    assert refusal.detail["position"] == 2
    assert (balance(tx), balance(tx, "bob")) == (7, 0)


def test_batch_has_a_limit_of_transfers(tx: Connection) -> None:
    record(tx, amount=1000)
    with refused(tx, "LG001") as refusal:
        record_batch(tx, [gift(f"n{number}") for number in range(501)])
    assert "500" in refusal.detail["reason"]
    record_batch(tx, [gift(f"n{number}", amount=1) for number in range(500)])
    assert balance(tx, "bob") == 500


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"to_owner_id": 5}, "to_owner_id"),
        ({"to_owner_id": ""}, "to_owner_id"),
        ({"quantity": 5}, "quantity"),
        ({"claim_subject": "x"}, "claim_subject"),
        ({"expires_at": "2030-01-01T00:00:00Z"}, "expires_at"),
        ({"amount": None}, "amount"),
        ({"amount": 1.5}, "amount"),
    ],
)
def test_wrong_item_is_refused_by_itself(tx: Connection, wrong: Row, field: str) -> None:
    record(tx, amount=7)
    results = record_batch(tx, [gift("one", **wrong), gift("two")])
    assert [one["code"] for one in results] == ["invalid_request", None]
    assert results[0]["detail"]["field"] == field


# Reports


def test_transfers_are_neither_issued_nor_spent(tx: Connection, clock: Clock) -> None:
    grants(tx, "PAID", credit_class="paid")
    record(tx, operation="PAID", amount=50)
    transfer(tx)
    reverse(tx, "gift", 10)
    start = clock.ahead(days=-1)
    (period,) = rows(tx, "liability", since=start, by="ever")
    assert (period["issued"], period["spent"], period["reversed"]) == (50, 0, 0)
    assert (period["transferred"], period["closing"]) == (0, 50)
    by_class = rows(tx, "liability", since=start, by="ever", by_class=True)
    assert [one["closing"] for one in by_class if one["credit_class"] == "paid"] == [50]
    tie = "SELECT issued, spent, transferred, ties FROM ledger.trial_balance"
    assert tx.execute(tie).fetchall() == [(50, 0, 0, True)]


def test_journal_shows_the_other_side(tx: Connection) -> None:
    record(tx, amount=100)
    transfer(tx)
    assert (
        scalar(tx, "SELECT peer_owner_id FROM ledger.entry_journal WHERE nonce = 'gift'") == "bob"
    )
