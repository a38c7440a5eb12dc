"""The ledger behaves like a model in Python, for random sequences of calls and times."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg.errors import CheckViolation

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, scalar
from tests.sql.model import openings
from tests.sql.model.catalogue import define_operations
from tests.sql.model.machine import BEGINNING, LedgerMachine

# Fewer examples, because each is a long sequence of calls.
_SEQUENCES = settings(max_examples=settings().max_examples // 3)
_FIRST_FINDING = settings(max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)


@pytest.fixture
def clock(conn: Connection) -> Clock:
    define_operations(conn)
    return Clock(conn, BEGINNING)


def compare_with_model(conn: Connection, clock: Clock, how: settings) -> None:
    """Run the state machine, and fail with the shortest sequence that shows a difference."""

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(conn, clock)

    run_state_machine_as_test(Machine, settings=how)


def plant(conn: Connection, function: str, right: str, wrong: str) -> None:
    """Plant a mistake in a function."""
    definition: str = scalar(
        conn,
        """
        SELECT pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'ledger_core'::regnamespace AND proname = %s
        """,
        function,
    )
    assert right in definition
    conn.execute(definition.replace(right, wrong).encode())


def test_database_behaves_like_the_model(conn: Connection, clock: Clock) -> None:
    compare_with_model(conn, clock, _SEQUENCES)


def test_random_sequences_find_a_mistake(conn: Connection, clock: Clock) -> None:
    # Those that expire last are spent first.
    right = "coalesce(expires_at, 'infinity')"
    wrong = "coalesce(timestamptz '2100-1-1' - (expires_at - timestamptz '2000-1-1'), 'infinity')"
    plant(conn, "spending_order", right, wrong)
    with pytest.raises(AssertionError):
        compare_with_model(conn, clock, _FIRST_FINDING)


@pytest.mark.parametrize("opening", openings.OPENINGS)
def test_opening_behaves_like_the_model(
    conn: Connection, clock: Clock, opening: Callable[[LedgerMachine], None]
) -> None:
    opening(LedgerMachine(conn, clock))


@pytest.mark.parametrize(
    ("function", "right", "wrong", "opening"),
    [
        pytest.param(
            "grow_hold",
            "v_hold.placed_at, 0, grow_hold.by",
            "v_hold.placed_at, 0, 0",
            openings.grow_under_a_budget,
            id="a growth does not count in budgets",
        ),
        pytest.param(
            "grow_hold",
            "held + grow_hold.by",
            "held",
            openings.grow_under_a_budget,
            id="a growth is not reserved",
        ),
        pytest.param(
            "hold_from_lots",
            "hold_from_lots.amount + v_unusable)",
            "hold_from_lots.amount + v_unusable - 1)",
            openings.grow_by_more_than_is_available,
            id="a hold grows by more than is available",
        ),
        pytest.param(
            "spend_hold",
            "v_rule.max_debt ELSE 0 END) THEN",
            "v_rule.max_debt + 1 ELSE 0 END) THEN",
            openings.ask_for_too_large_a_debt,
            id="a debt passes its most by one",
        ),
        pytest.param(
            "grant_lot",
            "greatest(0, v_missing)",
            "0",
            openings.fill_a_debt,
            id="credits that expire do not fill a debt first",
        ),
        pytest.param(
            "pay_debt",
            "debt - pay_debt.amount",
            "debt",
            openings.fill_a_debt,
            id="credits leave a debt as it was",
        ),
        pytest.param(
            "write_entry",
            "balance - held + entry.amount >= min_balance",
            "balance - held + entry.amount >= min_balance - 7",
            openings.spend_in_debt,
            id="a debt does not stop spending",
        ),
        pytest.param(
            "amount_of_quantity",
            "WHEN 'nearest' THEN unit_size",
            "WHEN 'nearest' THEN unit_size - 1",
            openings.use_quantities,
            id="halves are rounded towards zero",
        ),
        pytest.param(
            "amount_of_quantity",
            "WHEN 'up' THEN",
            "WHEN 'down' THEN",
            openings.use_quantities,
            id="up and down are exchanged",
        ),
        pytest.param(
            "spend_hold",
            "coalesce(v_hold.unit_amount, v_rule.unit_amount)",
            "v_rule.unit_amount",
            openings.change_the_price_of_a_hold,
            id="a hold by quantity pays the new price",
        ),
        pytest.param(
            "spend_hold_at_once",
            "v_hold.placed_at,\n            -v_entry.amount",
            "v_now,\n            -v_entry.amount",
            openings.capture_on_the_next_day,
            id="a capture counts in a period of its own",
        ),
        pytest.param(
            "finish_hold",
            "-v_ended.reserved",
            "0",
            openings.release_under_a_budget,
            id="a released hold gives nothing back to budgets",
        ),
        pytest.param(
            "give_back_to_budgets",
            "-give_back_to_budgets.amount",
            "0",
            openings.reverse_under_a_budget,
            id="a reversal gives nothing back to budgets at once",
        ),
        pytest.param(
            "count_in_budgets",
            "> v_rule.most",
            "> v_rule.most + 1",
            openings.exceed_a_budget,
            id="a budget can be passed by one",
        ),
        pytest.param(
            "spend_hold_at_once",
            "-v_entry.amount, -v_freed",
            "-v_entry.amount, 0",
            openings.capture_under_a_budget,
            id="what was captured counts as held as well",
        ),
        pytest.param(
            "release_open_hold",
            "PERFORM ledger_core.expire_lots(",
            "PERFORM concat(",
            openings.release_what_has_expired,
            id="expired credits live on when their hold is released",
        ),
        pytest.param(
            "clock_events",
            "greatest(lots.expires_at, open.expires_at)",
            "lots.expires_at",
            openings.release_what_has_expired,
            id="forecast lets held credits expire",
        ),
        pytest.param(
            "standing_at",
            "free.expires_at <= standing_at.at",
            "free.expires_at < standing_at.at",
            openings.reach_an_expiry,
            id="credits expire a microsecond late",
        ),
        pytest.param(
            "lock_account",
            "v_last_entry_at <= v_now + ledger_core.clock_tolerance()",
            "TRUE",
            openings.record_after_a_clock_was_wrong,
            id="an entry of the future decides what time it is",
        ),
        pytest.param(
            "boundary",
            "WHEN 'month' THEN interval '1 month'",
            "WHEN 'month' THEN interval '30 days'",
            openings.ends_of_months,
            id="a month has 30 days",
        ),
        pytest.param(
            "boundary",
            "allowance.starts_at AT TIME ZONE allowance.time_zone",
            "allowance.starts_at AT TIME ZONE 'UTC'",
            openings.days_of_berlin,
            id="days are those of UTC",
        ),
        pytest.param(
            "allowance_schedule",
            "least(v_allowance.carry_over_most, coalesce(",
            "least(999, coalesce(",
            openings.carry_over_day_by_day,
            id="all that is left is carried over",
        ),
        pytest.param(
            "allowance_schedule",
            "v_allowance.next_occurrence + v_allowance.carry_over_for",
            "v_allowance.next_occurrence + 1",
            openings.carry_over_day_by_day,
            id="what is carried over lives for one period",
        ),
        pytest.param(
            "allowance_schedule",
            "THEN v_allowance.carry_over_for ELSE 0 END",
            "THEN 0 ELSE 0 END",
            openings.carry_over_asleep,
            id="what is carried over from periods unseen is lost",
        ),
        pytest.param(
            "allowance_schedule",
            "CONTINUE WHEN v_missing > 0 AND",
            "CONTINUE WHEN FALSE AND",
            openings.sleep_in_debt,
            id="periods unseen do not fill an overdraft",
        ),
        pytest.param(
            "allowance_schedule",
            "THEN least(amount, greatest(v_missing, 0))",
            "THEN 0",
            openings.sleep_in_debt,
            id="what fills an overdraft can be spent as well",
        ),
        pytest.param(
            "clock_events",
            "WHEN 'expiry' THEN 2 WHEN",
            "WHEN 'expiry' THEN 5 WHEN",
            openings.carry_over_asleep,
            id="credits come before those of before expire",
        ),
        pytest.param(
            "suspend_allowances",
            "ledger_core.occurrence_at(kept, suspend_allowances.now)",
            "0",
            openings.freeze_over_a_boundary,
            id="a period missed while frozen comes afterwards",
        ),
        pytest.param(
            "suspend_allowances",
            "SET next_at = 'infinity'",
            "SET next_at = next_at",
            openings.freeze_over_a_boundary,
            id="credits come while the account is frozen",
        ),
        pytest.param(
            "change_allowance",
            "change_allowance.amount - v_allowance.amount",
            "change_allowance.amount",
            openings.raise_at_once,
            id="a higher amount comes in addition",
        ),
        pytest.param(
            "left_of_occurrence",
            "made.kind IN ('granted', 'raised')",
            "made.kind IN ('granted')",
            openings.raise_at_once,
            id="what was raised is not carried over",
        ),
        pytest.param(
            "left_of_occurrence",
            "lots.remaining - lots.held",
            "lots.remaining",
            openings.hold_over_a_boundary,
            id="held credits are carried over",
        ),
        pytest.param(
            "left_of_occurrence",
            "holds.expires_at <= left_of_occurrence.at",
            "holds.expires_at < left_of_occurrence.at",
            openings.hold_until_a_boundary,
            id="a hold that ends at the boundary ends after it",
        ),
        pytest.param(
            "lots_of_allowance",
            "lots.remaining - lots.held",
            "lots.remaining",
            openings.forfeit_beside_a_hold,
            id="held credits are forfeited",
        ),
        pytest.param(
            "next_allowance",
            "min(allowances.next_at)",
            "max(allowances.next_at)",
            openings.two_allowances,
            id="the account waits for the later allowance",
        ),
        pytest.param(
            "is_granted",
            "< allowance.ends_at",
            "<= allowance.ends_at",
            openings.end_at_a_boundary,
            id="credits come at the very end",
        ),
        pytest.param(
            "lock_account",
            "PERFORM ledger_core.rewind_allowances(",
            "PERFORM concat(",
            openings.allow_while_a_clock_is_ahead,
            id="a clock that was ahead decides for ever",
        ),
        pytest.param(
            "spend_hold_at_once",
            "ledger_core.next_allowance(",
            "ledger_core.next_expiry(",
            openings.capture_before_a_boundary,
            id="a capture forgets what comes next",
        ),
        pytest.param(
            "standing_at",
            "FILTER (WHERE events.at <= standing_at.at)",
            "FILTER (WHERE events.at < standing_at.at)",
            openings.credits_of_the_future,
            id="credits come a microsecond late",
        ),
        pytest.param(
            "is_usable",
            "operation = ANY (usable_for)",
            "TRUE",
            openings.spend_what_is_for_another_operation,
            id="any operation uses credits of limited use",
        ),
        pytest.param(
            "is_usable",
            "app = ANY (usable_in)",
            "TRUE",
            openings.spend_what_is_for_another_app,
            id="any app uses credits of limited use",
        ),
        pytest.param(
            "take_lots",
            "take_lots.available - v_unusable - take_lots.amount",
            "take_lots.available - take_lots.amount",
            openings.spend_what_is_for_another_operation,
            id="what others may use covers a spend",
        ),
        pytest.param(
            "usable_lots",
            "ordered.priority > ledger_core.plain_priority()",
            "FALSE",
            openings.spend_in_order,
            id="credits in no lot are spent after those of a higher priority",
        ),
        pytest.param(
            "spending_order",
            "num_nulls(usable_for, usable_in) * 10000",
            "(2 - num_nulls(usable_for, usable_in)) * 10000",
            openings.spend_in_order,
            id="the wider use goes first",
        ),
        pytest.param(
            "spending_order",
            "int4send(coalesce(priority, ledger_core.plain_priority()))",
            "int4send(100)",
            openings.spend_in_order,
            id="priorities do not matter",
        ),
        pytest.param(
            "spending_order",
            "'free' THEN 0 WHEN 'paid' THEN 1",
            "'free' THEN 1 WHEN 'paid' THEN 0",
            openings.spend_free_before_paid,
            id="paid credits go before free ones",
        ),
        pytest.param(
            "grant_lot",
            "num_nonnulls(entry.usable_for, entry.usable_in) = 0",
            "TRUE",
            openings.grant_to_an_overdraft,
            id="credits of limited use pay off an overdraft",
        ),
        pytest.param(
            "write_entry",
            "NOT ledger_core.makes_lot(entry)",
            "entry.expires_at IS NULL",
            openings.grant_to_a_debt,
            id="credits of limited use lower a debt",
        ),
        pytest.param(
            "spend_hold",
            " - v_unusable - v_account.min_balance",
            " - v_account.min_balance",
            openings.capture_beyond_what_is_usable,
            id="a capture counts on what others may use",
        ),
        pytest.param(
            "take_beyond_lots",
            "hold.app, hold.operation",
            "NULL, NULL",
            openings.capture_beyond_what_is_usable,
            id="a capture takes what others may use",
        ),
        pytest.param(
            "hold_from_lots",
            "hold.app, hold.operation, hold_from_lots.amount",
            "NULL, NULL, hold_from_lots.amount",
            openings.hold_what_is_usable,
            id="a hold reserves what others may use",
        ),
        pytest.param(
            "captured_lots",
            "ordered.priority > ledger_core.plain_priority()",
            "FALSE",
            openings.hold_what_is_usable,
            id="a capture takes credits of a higher priority first",
        ),
        pytest.param(
            "reverse_debit",
            "ORDER BY parts.is_late DESC",
            "ORDER BY parts.is_late",
            openings.reverse_a_spend_of_all_kinds,
            id="a reversal gives back in another order",
        ),
        pytest.param(
            "give_back",
            "WHEN shares.is_limited THEN shares.share",
            "WHEN shares.is_limited THEN shares.share - least(shares.share, v_missing)",
            openings.reverse_while_overdrawn,
            id="credits of limited use that come back pay off an overdraft",
        ),
        pytest.param(
            "record_mixed_batch",
            "keys.is_left OR keys.grants_classed OR",
            "keys.is_left OR",
            openings.grant_in_a_batch,
            id="a batch grants credits without their use",
        ),
        pytest.param(
            "record_mixed_batch",
            ") IS TRUE\n",
            ") IS NULL\n",
            openings.grant_in_a_batch,
            id="a batch spends what is for others",
        ),
        pytest.param(
            "next_expiry",
            "coalesce(min(lots.expires_at), ledger_core.never_due())",
            "coalesce(min(lots.expires_at), 'infinity')",
            openings.keep_a_lot_that_never_ends,
            id="credits that never end make no lot",
        ),
        pytest.param(
            "receive_parts",
            "GROUP BY lots.expires_at,",
            "GROUP BY lots.seq, lots.expires_at,",
            openings.transfer_all_kinds,
            id="credits of one kind come in parts",
        ),
        pytest.param(
            "receive_parts",
            "v_entry.expires_at := v_part.expires_at;",
            "",
            openings.transfer_all_kinds,
            id="credits lose their expiry on the way",
        ),
        pytest.param(
            "receive_parts",
            "v_entry.priority := v_part.priority;",
            "",
            openings.transfer_all_kinds,
            id="credits lose their priority on the way",
        ),
        pytest.param(
            "receive_parts",
            "IF ledger_core.makes_lot(v_entry) THEN",
            "IF v_entry.expires_at IS NOT NULL THEN",
            openings.transfer_all_kinds,
            id="credits of a class come as others",
        ),
        pytest.param(
            "record_on_account",
            "entry.owner_id, entry.asset, account, -entry.amount, entry.app, entry.operation",
            "entry.owner_id, entry.asset, account, -entry.amount, NULL, NULL",
            openings.transfer_all_kinds,
            id="what is for others goes over",
        ),
        pytest.param(
            "is_covered",
            "account.balance - account.held",
            "account.balance",
            openings.transfer_what_is_held,
            id="what is held goes over",
        ),
        pytest.param(
            "give_back_to_budgets",
            "-give_back_to_budgets.amount, 0",
            "0, 0",
            openings.transfer_under_a_budget,
            id="a transfer that is taken back still counts",
        ),
        pytest.param(
            "receive_parts",
            "v_recorded := ledger_core.write_entry(v_entry);",
            "v_recorded := ledger_core.write_entry(v_entry); UPDATE ledger.accounts SET debt = 0;",
            openings.transfer_to_a_debtor,
            id="what comes forgets a debt",
        ),
        pytest.param(
            "take_back",
            "v_original.peer_owner_id, v_original.asset, v_peer, v_amount, NULL, NULL",
            "v_original.peer_owner_id, v_original.asset, v_peer, 0, NULL, NULL",
            openings.transfer_back_and_forth,
            id="more is taken back than the receiver has",
        ),
        pytest.param(
            "shares_of_parts",
            "OVER (ORDER BY parts.part_seq DESC)",
            "OVER (ORDER BY parts.part_seq)",
            openings.transfer_back_and_forth,
            id="what came first is taken back first",
        ),
        pytest.param(
            "take_back_parts",
            "v_available := v_available + v_entry.amount;",
            "",
            openings.transfer_beside_late_credits,
            id="a part is taken back as if the part before were there",
        ),
        pytest.param(
            "take_back_parts",
            "v_entry.amount := -v_part.share;",
            "v_entry.amount := -reversal.amount;",
            openings.transfer_beside_late_credits,
            id="all parts give what one owes",
        ),
        pytest.param(
            "reversible_parts",
            "ledger_core.expired_of_lot(parts.receiver_id, reversible_parts.asset, parts.part_seq)",
            "0",
            openings.transfer_what_expires,
            id="what has expired is taken back",
        ),
        pytest.param(
            "reverse_sent",
            "IS NOT DISTINCT FROM",
            "IS DISTINCT FROM",
            openings.transfer_what_expires,
            id="what is taken back goes to other lots",
        ),
        pytest.param(
            "lock_pair",
            "v_own.now := greatest(v_own.now, v_peer.now);",
            "",
            openings.transfer_between_clocks,
            id="the sides of a transfer have two times",
        ),
        pytest.param(
            "lock_pair",
            "PERFORM ledger_core.settle(owner_id, asset, v_peer.now);",
            "",
            openings.transfer_between_clocks,
            id="what is due until the other's time is left",
        ),
        pytest.param(
            "transfer",
            "IF (v_pair.peer).frozen_at IS NOT NULL THEN",
            "IF FALSE THEN",
            openings.transfer_on_frozen_accounts,
            id="a frozen account receives",
        ),
        pytest.param(
            "take_back",
            "ELSIF v_side.frozen_at IS NOT NULL THEN",
            "ELSIF FALSE THEN",
            openings.transfer_on_frozen_accounts,
            id="a frozen account gives back",
        ),
        pytest.param(
            "record_on_account",
            "IF account.frozen_at IS NOT NULL THEN",
            "IF FALSE THEN",
            openings.transfer_on_frozen_accounts,
            id="a frozen account sends",
        ),
        pytest.param(
            "share_claims",
            "subject_kind = 'owner' AND asset",
            "subject_kind = 'nobody' AND asset",
            openings.move_with_claims,
            id="what was claimed can be claimed again",
        ),
        pytest.param(
            "move_account",
            "SET moved_to = v_entry.peer_owner_id",
            "SET moved_to = NULL",
            openings.move_twice,
            id="a moved account can be opened",
        ),
        pytest.param(
            "refuse_frozen",
            "PERFORM ledger_core.check_not_moved(owner_id, asset);",
            "",
            openings.move_twice,
            id="a moved account seems to be frozen",
        ),
        pytest.param(
            "take_back",
            "PERFORM ledger_core.check_not_moved(v_side.owner_id, v_original.asset);",
            "",
            openings.move_twice,
            id="a moved account gives back by hand",
        ),
        pytest.param(
            "check_movable",
            "AND status = 'open'",
            "AND status = 'none'",
            openings.move_what_cannot_be_moved,
            id="an account with a hold is moved",
        ),
        pytest.param(
            "check_movable",
            "shown.status <> 'ended'",
            "shown.status = 'none'",
            openings.move_what_cannot_be_moved,
            id="an account with an allowance is moved",
        ),
        pytest.param(
            "check_movable",
            "account.balance < (",
            "account.balance + 1000 < (",
            openings.move_what_cannot_be_moved,
            id="an account in debt is moved",
        ),
        pytest.param(
            "take_back",
            "PERFORM ledger_core.free_claims(",
            "PERFORM row(",
            openings.free_a_claim_after_a_move,
            id="a freed claim is not free",
        ),
        pytest.param(
            "free_claims",
            "v_moved.slot := v_freed.slot;",
            "",
            openings.free_a_claim_after_a_move,
            id="a claim that was moved lets another one be claimed",
        ),
    ],
)
def test_planted_mistake_is_found_by_its_opening(
    conn: Connection,
    clock: Clock,
    function: str,
    right: str,
    wrong: str,
    opening: Callable[[LedgerMachine], None],
) -> None:
    plant(conn, function, right, wrong)
    # Some mistakes are stopped by a constraint of a table before they show.
    with pytest.raises((AssertionError, CheckViolation)):
        opening(LedgerMachine(conn, clock))
