"""`verify` finds transfers whose sides do not belong together."""

from __future__ import annotations

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, call, record, rows
from tests.sql.full_books import BEGINNING
from tests.sql.lifecycle import reverse
from tests.sql.test_verify_classes import mistaken

_ODD = "sides of a transfer do not come to zero"
_DIFFER = "sides of a transfer differ"
_OTHERS = "transfer of other credits"


@pytest.fixture
def books(tx: Connection) -> Connection:
    """Give alice 10 credits that expire, 10 of a class, and 10 others."""
    clock = Clock(tx, BEGINNING)
    call(tx, "define_operation", operation="SEND", description="To somebody", min_amount=-100,
         max_amount=-1, transferable=True)  # fmt: skip
    call(tx, "define_operation", operation="PAID", description="Paid", min_amount=1,
         max_amount=100, credit_class="paid")  # fmt: skip
    for operation in ("SEND", "PAID"):
        call(tx, "allow_operation", app="app1", operation=operation)
    record(tx, amount=10, expires_at=clock.ahead(days=3))
    record(tx, operation="PAID", amount=10)
    record(tx, amount=10)
    return tx


def send(conn: Connection, amount: int = 25, operation: str = "SEND") -> None:
    rows(conn, "transfer_credits", app="app1", from_owner_id="alice", to_owner_id="bob",
         operation=operation, nonce="sent", amount=amount)  # fmt: skip


def problems(conn: Connection, owner_id: str = "alice") -> set[str]:
    """Give what is wrong of an owner, and see that verifying all finds the same."""
    found = {row["problem"] for row in rows(conn, "verify", owner_id=owner_id)}
    all_of = {row["problem"] for row in rows(conn, "verify") if row["owner_id"] == owner_id}
    assert found == all_of
    return found


def test_right_transfer_is_right(books: Connection) -> None:
    send(books)
    reverse(books, "sent", 12)
    reverse(books, "sent", 13)
    assert problems(books) == problems(books, "bob") == set()


_AMOUNT = "v_entry.amount := v_part.amount"


@pytest.mark.parametrize(
    ("right", "wrong", "of_sender"),
    [
        (_AMOUNT, f"{_AMOUNT} - 1", {_ODD, _OTHERS}),
        (_AMOUNT, f"{_AMOUNT} + 1", {_ODD, _OTHERS}),
        ("v_entry.expires_at := v_part.expires_at", "v_entry.expires_at := NULL", {_OTHERS}),
        (
            "v_entry.expires_at := v_part.expires_at",
            "v_entry.expires_at := v_part.expires_at + interval '1 day'",
            {_OTHERS},
        ),
        ("v_entry.credit_class := v_part.credit_class", "v_entry.credit_class := NULL", {_OTHERS}),
        ("v_entry.app := sent.app", "v_entry.app := 'app2'", {_DIFFER}),
        ("v_entry.operation := sent.operation", "v_entry.operation := 'CREDIT_ADD'", {_DIFFER}),
        ("v_entry.metadata := sent.metadata", "v_entry.metadata := '{}'", {_DIFFER}),
        (
            "v_entry.recorded_at := sent.recorded_at",
            "v_entry.recorded_at := sent.recorded_at + interval '1 us'",
            {_DIFFER},
        ),
        ("v_entry.peer_seq := sent.seq", "v_entry.peer_seq := sent.seq - 1", {_ODD, _OTHERS}),
        ("v_entry.peer_owner_id := sent.owner_id", "v_entry.peer_owner_id := 'x'", {_ODD, _OTHERS}),
        ("parts.amount > 0", "parts.amount > 0 AND parts.first_seq IS NULL", {_ODD, _OTHERS}),
        ("parts.amount > 0", "parts.amount > 0 AND FALSE", {_ODD, _OTHERS}),
    ],
)
def test_wrong_side_of_the_receiver_is_found(
    books: Connection, right: str, wrong: str, of_sender: set[str]
) -> None:
    with mistaken(books, "receive_parts", right, wrong):
        send(books)
    assert problems(books) == of_sender


def test_receiver_of_nothing_sent_is_found(books: Connection) -> None:
    with mistaken(books, "transfer", "v_sent := ledger_core.record_on_account(entry, v_pair.own);",
                  "v_sent.seq := 1; v_sent.recorded_at := ledger_core.clock();"):  # fmt: skip
        send(books)
    assert problems(books, "bob") == {_DIFFER}


def test_reversal_of_the_sender_only_is_found(books: Connection) -> None:
    send(books)
    with mistaken(books, "take_back", "PERFORM ledger_core.take_back_parts(", "PERFORM row("):
        reverse(books, "sent", 5)
    assert problems(books) == {_ODD}


def test_reversal_of_another_part_is_found(books: Connection) -> None:
    send(books)
    record(books, owner_id="bob", amount=9)
    with mistaken(books, "take_back_parts", "v_entry.reverses_seq := v_part.seq",
                  "v_entry.reverses_seq := 4"):  # fmt: skip
        reverse(books, "sent", 5)
    assert problems(books) == {_DIFFER}
    assert "reversal of one side of a transfer" in problems(books, "bob")


def test_transfer_by_an_operation_that_transfers_nothing_is_found(books: Connection) -> None:
    with mistaken(books, "check_transferable", "NOT v_rule.transferable", "FALSE"):
        send(books, operation="CREDIT_SPEND")
    assert problems(books) == {"operation never transferable"}


def test_half_of_a_transfer_is_found(books: Connection) -> None:
    with mistaken(books, "transfer", "entry.peer_seq := (v_pair.peer).last_seq + 1;", ""):
        send(books)
    assert "half of a transfer" in problems(books)


def test_reversal_of_other_credits_is_found(books: Connection) -> None:
    send(books)
    with mistaken(books, "reverse_sent", "IS NOT DISTINCT FROM", "IS DISTINCT FROM"):
        reverse(books, "sent", 5)
    assert "reversal of other credits" in problems(books)


@pytest.mark.parametrize("field", ["spender", "claim_subject", "hold_nonce"])
def test_part_with_what_only_requests_have_is_found(books: Connection, field: str) -> None:
    right = "v_entry.amount := v_part.amount;"
    with mistaken(books, "receive_parts", right, f"{right} v_entry.{field} := 'x';"):
        send(books)
    assert _DIFFER in problems(books)


def test_part_that_does_not_follow_is_found(books: Connection) -> None:
    """A forged part, some entries after the others, does not count as one of them."""
    send(books)
    record(books, owner_id="bob", amount=1)
    books.execute(
        """
        DO $$
        DECLARE v_entry ledger.entries;
        BEGIN
            SELECT * INTO v_entry FROM ledger.entries WHERE owner_id = 'bob' AND seq = 1;
            v_entry.nonce := 'ledger:transfer:sent:9';
            v_entry.recorded_at := ledger_core.clock();
            PERFORM ledger_core.write_entry(v_entry);
            v_entry.seq := 5;
            PERFORM ledger_core.grant_lot(v_entry);
        END $$
        """
    )
    assert problems(books, "bob") == {_DIFFER}


def test_entries_of_a_closed_account_are_found(books: Connection) -> None:
    rows(books, "move_account", from_owner_id="alice", to_owner_id="bob", nonce="m", actor="Kim",
         reason="One person")  # fmt: skip
    assert problems(books) == set()
    with mistaken(books, "record_on_account", "account.frozen_at IS NOT NULL", "FALSE"):
        record(books, operation="CONTENT_ACCESS")
    assert problems(books) == {"entries in a closed account"}


def test_claim_that_was_moved_twice_is_found(books: Connection) -> None:
    record(books, operation="DAILY_REWARD")
    rows(books, "move_account", from_owner_id="alice", to_owner_id="bob", nonce="m", actor="Kim",
         reason="One person")  # fmt: skip
    books.execute(
        "INSERT INTO ledger.claims SELECT operation, subject_kind, subject, scope_app,"
        " period_start, slot + 1, owner_id, asset, seq FROM ledger.claims WHERE subject = 'bob'"
    )
    assert problems(books) == {"claim not moved once"}
