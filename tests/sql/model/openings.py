"""Sequences of calls that lead straight to where a mistake would show."""

from __future__ import annotations

from datetime import timedelta

from tests.sql.model.account import TOLERANCE
from tests.sql.model.catalogue import PRICES
from tests.sql.model.machine import LedgerMachine

_HOUR = timedelta(hours=1)


def _credit(machine: LedgerMachine, amount: int, life: timedelta | None = None) -> None:
    machine.record("app1", owner="ann", operation="CREDIT_ADD", size=amount, life=life)


def _spend(machine: LedgerMachine, amount: int) -> None:
    machine.record("app1", owner="ann", operation="CREDIT_SPEND", size=amount)


def _hold_five(machine: LedgerMachine) -> None:
    machine.hold(("app1", "METERED"), "ann", 5, 60 * _HOUR, None, None)


def _hold_five_of_ten(machine: LedgerMachine, *, limited: bool = False) -> None:
    """Hold. A budget of before is counted in its row; one of after is counted anew."""
    _credit(machine, 10)
    if limited:
        _limit(machine)
    _hold_five(machine)


def _limit(machine: LedgerMachine, period: str = "ever") -> None:
    machine.set_budget("ann", ("all", None), most=20, period=period, app=None, operation=None)


def _capture(
    machine: LedgerMachine, amount: int, *, by_quantity: bool = False, beyond: str = "debt"
) -> None:
    machine.capture_in_full(0, amount, by_quantity, None, final=True, beyond=beyond)


def grow_under_a_budget(machine: LedgerMachine) -> None:
    """A growth counts in budgets."""
    _hold_five_of_ten(machine, limited=True)
    machine.grow(0, 3, None)


def grow_by_more_than_is_available(machine: LedgerMachine) -> None:
    """Five are available, and a growth by six is refused."""
    _hold_five_of_ten(machine)
    machine.grow(0, 6, None)


def ask_for_too_large_a_debt(machine: LedgerMachine) -> None:
    """The debt may be seven, and eight are refused."""
    _hold_five_of_ten(machine)
    _capture(machine, 18)


def fill_a_debt(machine: LedgerMachine) -> None:
    """Credits fill a debt of five, lasting ones and then such as would expire."""
    _hold_five_of_ten(machine)
    _capture(machine, 15)
    _credit(machine, 3)
    _credit(machine, 8, _HOUR)


def spend_in_debt(machine: LedgerMachine) -> None:
    """Nothing is spent beyond a debt."""
    _hold_five_of_ten(machine)
    _capture(machine, 15)
    _spend(machine, 1)


def use_quantities(machine: LedgerMachine) -> None:
    """Quantities are priced by each way of rounding."""
    _credit(machine, 50)
    for price in PRICES:
        machine.change_price(price)
        for quantity in (1, 2, 3):
            machine.use("app1", "ann", quantity, None)


def change_the_price_of_a_hold(machine: LedgerMachine) -> None:
    """A hold by quantity pays the price that it was promised."""
    _credit(machine, 10)
    machine.hold_by_quantity("app1", "ann", 4, 60 * _HOUR, None)
    machine.change_price(PRICES[2])
    _capture(machine, 4, by_quantity=True)


def capture_on_the_next_day(machine: LedgerMachine) -> None:
    """A capture counts in the budget of the day of its hold."""
    _hold_five_of_ten(machine)
    _limit(machine, "day")
    machine.pass_time(5 * _HOUR)
    _spend(machine, 1)
    _capture(machine, 5)


def release_under_a_budget(machine: LedgerMachine) -> None:
    """A released hold gives back what it held."""
    _hold_five_of_ten(machine, limited=True)
    machine.release(0)


def reverse_under_a_budget(machine: LedgerMachine) -> None:
    """A reversed debit gives back what it spent."""
    _credit(machine, 10)
    _limit(machine)
    _spend(machine, 4)
    machine.reverse(0, 3, free_claim=False, metadata=None, by_hand=False, used=None)


def exceed_a_budget(machine: LedgerMachine) -> None:
    """Twenty may be spent, and twenty-one are refused."""
    _credit(machine, 30)
    _limit(machine)
    _spend(machine, 21)


def capture_under_a_budget(machine: LedgerMachine) -> None:
    """What is captured of a hold is spent, and no longer held."""
    _hold_five_of_ten(machine, limited=True)
    _capture(machine, 5)


def release_what_has_expired(machine: LedgerMachine) -> None:
    """Credits that expired while they were held expire when they are released."""
    _credit(machine, 10, _HOUR)
    _hold_five(machine)
    machine.pass_time(5 * _HOUR)
    machine.release(0)


def reach_an_expiry(machine: LedgerMachine) -> None:
    """Credits expire at their very microsecond."""
    _credit(machine, 10, _HOUR)
    machine.pass_time(_HOUR)


def record_after_a_clock_was_wrong(machine: LedgerMachine) -> None:
    """An entry of the future does not decide what time it is."""
    machine.record_while_the_clock_is_far_ahead(("app1", "CREDIT_ADD"), "ann", held=False)
    _credit(machine, 3)


_DAY = 24 * _HOUR


def _allow(
    machine: LedgerMachine,
    amount: int = 10,
    period: str | None = "day",
    *,
    carry: tuple[int, int] = (0, 1),
    start: timedelta | None = None,
    end: timedelta | None = None,
    time_zone: str = "UTC",
) -> None:
    machine.grant_allowance(
        ("app1", "CREDIT_ADD"),
        "ann",
        period,
        start,
        end,
        carry,
        None,
        None,
        amount=amount,
        time_zone=time_zone,
        metadata=None,
    )


def _freeze(machine: LedgerMachine) -> None:
    """Freeze, or unfreeze."""
    machine.operate("ann", "freeze", 1, None)


def carry_over_day_by_day(machine: LedgerMachine) -> None:
    """Five of seven are carried over for two days, then five of ten."""
    _allow(machine, carry=(5, 2))
    _spend(machine, 3)
    for _ in range(4):
        machine.pass_time(_DAY)
        _spend(machine, 1)


def carry_over_asleep(machine: LedgerMachine) -> None:
    """After a month, what was carried over of the last two days is there."""
    _allow(machine, carry=(5, 2))
    machine.pass_time(31 * _DAY)
    _spend(machine, 1)


def sleep_in_debt(machine: LedgerMachine) -> None:
    """Each day fills some of an overdraft, though nobody sees it."""
    machine.operate("ann", "floor", -12, None)
    _spend(machine, 12)
    _allow(machine, 5, start=_HOUR)
    machine.pass_time(4 * _DAY)
    _spend(machine, 1)


def freeze_over_a_boundary(machine: LedgerMachine) -> None:
    """Nothing comes while it is frozen, and the present period comes afterwards."""
    _allow(machine, carry=(5, 2))
    _freeze(machine)
    machine.pass_time(3 * _DAY + _HOUR)
    _freeze(machine)
    machine.pass_time(_DAY)
    _spend(machine, 1)


def raise_at_once(machine: LedgerMachine) -> None:
    """What is more than before comes at once, and is carried over as well."""
    _allow(machine, carry=(12, 1))
    machine.change_allowance(0, 14, at_once=True, used=None)
    machine.pass_time(_DAY)
    _spend(machine, 1)


def forfeit_beside_a_hold(machine: LedgerMachine) -> None:
    """What a hold reserves is not forfeited."""
    _allow(machine, carry=(5, 2))
    machine.pass_time(_DAY)
    _hold_five(machine)
    machine.end_allowance(0, None, forfeit=True)


def hold_over_a_boundary(machine: LedgerMachine) -> None:
    """What a hold reserves is not carried over."""
    _allow(machine, carry=(12, 1))
    _hold_five(machine)
    machine.pass_time(_DAY)
    _spend(machine, 1)
    machine.pass_time(2 * _DAY)
    _spend(machine, 1)


def hold_until_a_boundary(machine: LedgerMachine) -> None:
    """A hold that ends at the boundary gives back before it."""
    _allow(machine, carry=(12, 1))
    machine.hold(("app1", "CREDIT_SPEND"), "ann", 5, _DAY, None, None)
    machine.pass_time(_DAY)
    _spend(machine, 1)


def days_of_berlin(machine: LedgerMachine) -> None:
    """A day has 25 hours."""
    _allow(machine, time_zone="Europe/Berlin")
    _spend(machine, 3)
    machine.pass_time(_DAY)
    machine.pass_time(_HOUR)
    _spend(machine, 1)


def ends_of_months(machine: LedgerMachine) -> None:
    """31 October, 30 November, 31 December."""
    _allow(machine, period="month", start=7 * _DAY)
    for _ in range(4):
        machine.pass_time(30 * _DAY)
        machine.pass_time(_DAY)
        _spend(machine, 1)


def two_allowances(machine: LedgerMachine) -> None:
    """The one that comes sooner is due first."""
    _allow(machine)
    _allow(machine, 5, "week")
    machine.pass_time(_DAY)
    _spend(machine, 12)


def end_at_a_boundary(machine: LedgerMachine) -> None:
    """An end at the very boundary lets nothing come at it."""
    _allow(machine, end=_DAY)
    machine.pass_time(_DAY)
    _credit(machine, 1)


def allow_while_a_clock_is_ahead(machine: LedgerMachine) -> None:
    """Credits come again when the clock is right."""
    _allow(machine)
    machine.record_while_the_clock_is_far_ahead(("app1", "CREDIT_ADD"), "ann", held=False)
    _credit(machine, 3)
    machine.pass_time(_DAY)
    _credit(machine, 3)


def capture_before_a_boundary(machine: LedgerMachine) -> None:
    """The account knows what comes next when its only hold is gone."""
    _credit(machine, 5)
    _allow(machine, start=_HOUR)
    machine.hold(("app1", "CREDIT_SPEND"), "ann", 5, 60 * _HOUR, None, None)
    machine.capture(0, None, final=True, metadata=None, used=None)


def credits_of_the_future(machine: LedgerMachine) -> None:
    """They come once, and do not expire."""
    _allow(machine, period=None, start=_HOUR)
    machine.pass_time(_HOUR)
    machine.pass_time(31 * _DAY)


def _grant(machine: LedgerMachine, operation: str, amount: int) -> None:
    machine.record("app1", owner="ann", operation=operation, size=amount)


def _reverse_newest(machine: LedgerMachine, amount: int | None, newest: int = 0) -> None:
    machine.reverse(newest, amount, free_claim=False, metadata=None, by_hand=False, used=None)


def _overdraw(machine: LedgerMachine, floor: int) -> None:
    machine.operate("ann", "floor", -floor, None)


def spend_what_is_for_another_operation(machine: LedgerMachine) -> None:
    """Credits for content are not spent otherwise, whether or not others are enough."""
    _grant(machine, "PROMO", 6)
    _credit(machine, 4)
    _spend(machine, 3)
    _spend(machine, 2)
    machine.record("app1", owner="ann", operation="CONTENT_CREATION")


def spend_what_is_for_another_app(machine: LedgerMachine) -> None:
    """Credits for app2 are not spent in app1."""
    _grant(machine, "PARTNER", 6)
    _spend(machine, 1)
    machine.record("app2", owner="ann", operation="CREDIT_SPEND", size=2)


def spend_in_order(machine: LedgerMachine) -> None:
    """All kinds of credits are spent one after the other."""
    for operation in ("LATE", "PARTNER", "NARROW", "PRIZE", "FIRST"):
        _grant(machine, operation, 2)
    _credit(machine, 2)
    _credit(machine, 2, _HOUR)
    for _ in range(14):
        machine.record("app2", owner="ann", operation="CREDIT_SPEND", size=1)


def spend_free_before_paid(machine: LedgerMachine) -> None:
    """Of the same use, free credits go before paid ones."""
    for operation in ("PARTNER", "GIFT"):
        _grant(machine, operation, 2)
    machine.record("app2", owner="ann", operation="CREDIT_SPEND", size=2)


def grant_to_an_overdraft(machine: LedgerMachine) -> None:
    """Credits of limited use do not pay for what other operations have overdrawn."""
    _overdraw(machine, 10)
    _spend(machine, 5)
    _grant(machine, "PROMO", 8)
    _grant(machine, "LATE", 8)


def grant_to_a_debt(machine: LedgerMachine) -> None:
    """Credits of limited use do not pay off a debt."""
    _hold_five_of_ten(machine)
    _capture(machine, 15)
    _grant(machine, "PRIZE", 8)
    _grant(machine, "FIRST", 8)


def capture_beyond_what_is_usable(machine: LedgerMachine) -> None:
    """A capture takes no more than its operation may use, or leaves a debt of that."""
    _hold_five_of_ten(machine)
    _grant(machine, "PRIZE", 6)
    _capture(machine, 12, beyond="available")
    _capture(machine, 12)


def hold_what_is_usable(machine: LedgerMachine) -> None:
    """A hold reserves what its operation may use, and captures of it follow the order."""
    _grant(machine, "LATE", 2)
    _grant(machine, "PRIZE", 9)
    _credit(machine, 2)
    _hold_five(machine)
    machine.hold(("app1", "METERED"), "ann", 4, 60 * _HOUR, None, None)
    machine.capture(0, 3, final=False, metadata=None, used=None)
    machine.capture(0, 1, final=False, metadata=None, used=None)


def reverse_a_spend_of_all_kinds(machine: LedgerMachine) -> None:
    """Credits go back where they came from, last spent first."""
    _grant(machine, "LATE", 3)
    _grant(machine, "PRIZE", 3)
    _credit(machine, 3)
    _spend(machine, 9)
    for _ in range(4):
        _reverse_newest(machine, 2, newest=0)


def reverse_while_overdrawn(machine: LedgerMachine) -> None:
    """Credits of limited use come back although the account is overdrawn."""
    _grant(machine, "PROMO", 5)
    machine.record("app1", owner="ann", operation="CONTENT_CREATION")
    _overdraw(machine, 10)
    _spend(machine, 8)
    _reverse_newest(machine, None, newest=1)


def grant_in_a_batch(machine: LedgerMachine) -> None:
    """A batch grants and spends credits of limited use as single calls do."""
    item = {"owner": "ann", "used": None}
    machine.record_anything(
        "app1",
        [
            {**item, "operation": "PROMO", "size": 6},
            {**item, "operation": "CREDIT_ADD", "size": 2},
            {**item, "operation": "CREDIT_SPEND", "size": 3},
        ],
        atomic=False,
    )
    machine.record_anything(
        "app1",
        [
            {**item, "operation": "CREDIT_SPEND", "size": 1},
            {**item, "operation": "CREDIT_SPEND", "size": 2},
        ],
        atomic=False,
    )


def keep_a_lot_that_never_ends(machine: LedgerMachine) -> None:
    """An account with credits of a class is no plain one, although nothing will be due."""
    _grant(machine, "PARTNER", 3)
    _grant(machine, "FIRST", 2)
    _spend(machine, 2)
    _spend(machine, 1)


def _transfer(machine: LedgerMachine, amount: int, receiver: str = "bob", **more: str) -> None:
    who = {"owner": "ann", "receiver": receiver, "spender": None, "metadata": None} | more
    machine.transfer("app1", operation="SEND", size=amount, used=None, **who)


def _spend_of_bob(machine: LedgerMachine, amount: int) -> None:
    machine.record("app1", owner="bob", operation="CREDIT_SPEND", size=amount)


def transfer_all_kinds(machine: LedgerMachine) -> None:
    """Credits keep expiry, class and use, and what is for other things stays."""
    _grant(machine, "LATE", 2)
    _grant(machine, "PRIZE", 3)
    _grant(machine, "FIRST", 3)
    _credit(machine, 2, _HOUR)
    _credit(machine, 2, _HOUR)
    _credit(machine, 2, 5 * _HOUR)
    _credit(machine, 1)
    _transfer(machine, 11)
    _transfer(machine, 2)
    machine.pass_time(2 * _HOUR)


def transfer_what_is_held(machine: LedgerMachine) -> None:
    """What a hold reserves does not go over."""
    _hold_five_of_ten(machine)
    _transfer(machine, 6)
    _transfer(machine, 5)


def transfer_under_a_budget(machine: LedgerMachine) -> None:
    """A transfer counts in the budgets of the sender, and what is taken back counts no more."""
    _credit(machine, 40)
    _limit(machine)
    for _ in range(2):
        _transfer(machine, 12)
    machine.record("app1", owner="bob", operation="CREDIT_SPEND", size=1)
    _reverse_newest(machine, 5, newest=2)
    _transfer(machine, 12)


def transfer_to_a_debtor(machine: LedgerMachine) -> None:
    """What comes pays off what is owed, but not with credits that are for something else."""
    machine.hold(("app1", "METERED"), "bob", 1, 60 * _HOUR, None, None)
    machine.record("app1", owner="bob", operation="CREDIT_ADD", size=5)
    machine.hold(("app1", "METERED"), "bob", 5, 60 * _HOUR, None, None)
    _capture(machine, 9)
    _credit(machine, 3, 5 * _HOUR)
    _credit(machine, 3)
    _transfer(machine, 3)
    _transfer(machine, 3)


def transfer_back_and_forth(machine: LedgerMachine) -> None:
    """A transfer is taken back on both sides, as far as the receiver has it."""
    _credit(machine, 4, 5 * _HOUR)
    _credit(machine, 8)
    _transfer(machine, 10)
    _spend_of_bob(machine, 3)
    for amount in (8, 2, 4, 1):
        machine.reverse(_place_of(machine, "SEND"), amount, False, None, by_hand=False, used=None)


def _place_of(machine: LedgerMachine, operation: str) -> int:
    """Return which of the newest entries is the first transfer of ann."""
    account = machine.model.accounts[machine.prefix + "ann"]
    (first, *_) = [it for it in account.entries if it.operation == operation]
    return len(machine.entries) - 1 - machine.entries.index((first.app, first.nonce))


def transfer_beside_late_credits(machine: LedgerMachine) -> None:
    """Parts are taken back one after the other, and late credits only for what is missing then."""
    machine.record("app1", owner="bob", operation="LATE", size=5)
    _credit(machine, 4, 5 * _HOUR)
    _credit(machine, 4)
    _transfer(machine, 8)
    _spend_of_bob(machine, 4)
    machine.reverse(_place_of(machine, "SEND"), 8, False, None, by_hand=False, used=None)


def transfer_what_expires(machine: LedgerMachine) -> None:
    """What has expired at the receiver is not taken back."""
    _credit(machine, 4, _HOUR)
    _credit(machine, 8)
    _transfer(machine, 10)
    machine.pass_time(2 * _HOUR)
    for amount in (7, None):
        machine.reverse(_place_of(machine, "SEND"), amount, False, None, by_hand=False, used=None)


def transfer_between_clocks(machine: LedgerMachine) -> None:
    """Both sides have one time, to which both accounts are settled."""
    _credit(machine, 10)
    _credit(machine, 5, 2 * _HOUR)
    machine.move_clock(machine.clock.now + 2 * _HOUR + TOLERANCE / 2)
    machine.record("app1", owner="bob", operation="CREDIT_ADD", size=5)
    machine.move_clock(machine.clock.now - TOLERANCE)
    _transfer(machine, 3)
    machine.transfer("app1", owner="bob", receiver="cyn", operation="SEND", size=4, used=None,
                     spender=None, metadata=None)  # fmt: skip


def transfer_on_frozen_accounts(machine: LedgerMachine) -> None:
    """Nothing goes to or from a frozen account, unless an operator takes it back."""
    _credit(machine, 10)
    _transfer(machine, 3)
    machine.operate("bob", "freeze", 1, None)
    _transfer(machine, 3)
    for by_hand in (False, True):
        machine.reverse(_place_of(machine, "SEND"), None, False, None, by_hand=by_hand, used=None)
    machine.operate("bob", "freeze", 1, None)
    machine.operate("ann", "freeze", 1, None)
    _transfer(machine, 3)


def transfer_in_a_batch(machine: LedgerMachine) -> None:
    """A batch transfers in its order."""
    item = {"owner": "ann", "used": None, "operation": "SEND"}
    machine.record_anything(
        "app1",
        [
            {**item, "operation": "CREDIT_ADD", "size": 6},
            {**item, "receiver": "bob", "size": 4},
            {**item, "owner": "bob", "receiver": "cyn", "size": 3},
            {**item, "operation": "CREDIT_SPEND", "size": 1},
            {**item, "owner": "cyn", "receiver": "ann", "size": 2},
            {**item, "receiver": "ann", "size": 2},
        ],
        atomic=False,
    )


def _move(machine: LedgerMachine, owner: str = "ann", receiver: str = "bob") -> None:
    machine.move(owner, receiver, "merged", None, sure=True)


def move_with_claims(machine: LedgerMachine) -> None:
    """What the old owner has claimed counts for the new one."""
    for owner in ("ann", "bob"):
        machine.record("app1", owner=owner, operation="WEEKLY_BONUS")
        machine.record("app1", owner=owner, operation="DAILY_REWARD")
    machine.record("app2", owner="ann", operation="SIGNUP_CREDIT")
    _move(machine)
    for operation in ("WEEKLY_BONUS", "DAILY_REWARD"):
        machine.record("app1", owner="bob", operation=operation)
    machine.record("app2", owner="bob", operation="SIGNUP_CREDIT")


def free_a_claim_after_a_move(machine: LedgerMachine) -> None:
    """A claim that came with a move takes the slot of one that is freed."""
    for owner in ("ann", "bob"):
        machine.record("app1", owner=owner, operation="DAILY_REWARD")
    _move(machine)
    (claim,) = (
        it.nonce
        for it in machine.model.accounts[machine.prefix + "bob"].entries
        if it.operation == "DAILY_REWARD"
    )
    place = len(machine.entries) - 1 - machine.entries.index(("app1", claim))
    machine.reverse(place, None, free_claim=True, metadata=None, by_hand=False, used=None)
    machine.record("app1", owner="bob", operation="DAILY_REWARD")


def move_twice(machine: LedgerMachine) -> None:
    """A closed account stays closed, whatever is asked of it; what was moved goes on."""
    for operation in ("LATE", "PRIZE", "PROMO"):
        _grant(machine, operation, 3)
    _transfer(machine, 2)
    _spend(machine, 1)
    _move(machine)
    _move(machine)
    _spend(machine, 1)
    for by_hand in (False, True):
        machine.reverse(
            _place_of(machine, "CREDIT_SPEND"), None, False, None, by_hand=by_hand, used=None
        )
        machine.reverse(_place_of(machine, "SEND"), 1, False, None, by_hand=by_hand, used=None)
    machine.operate("ann", "freeze", 1, None)
    machine.operate("ann", "adjust", 1, None)
    _move(machine, "bob", "cyn")
    _move(machine, "cyn", "ann")


def move_what_cannot_be_moved(machine: LedgerMachine) -> None:
    """Open holds, allowances and debts keep an account where it is."""
    _overdraw(machine, 5)
    _spend(machine, 3)
    _move(machine)
    _hold_five_of_ten(machine)
    _move(machine)
    machine.release(0)
    machine.grant_allowance(
        credit=("app1", "CREDIT_ADD"), owner="ann", period="day", start=None, end=None,
        carry=(0, 1), occurrences=None, used=None, amount=3, time_zone="UTC", metadata=None,
    )  # fmt: skip
    _move(machine)
    machine.end_allowance(0, None, forfeit=False)
    _move(machine)


OPENINGS = (
    move_with_claims,
    free_a_claim_after_a_move,
    move_twice,
    move_what_cannot_be_moved,
    transfer_all_kinds,
    transfer_what_is_held,
    transfer_under_a_budget,
    transfer_to_a_debtor,
    transfer_back_and_forth,
    transfer_beside_late_credits,
    transfer_what_expires,
    transfer_between_clocks,
    transfer_on_frozen_accounts,
    transfer_in_a_batch,
    carry_over_day_by_day,
    carry_over_asleep,
    sleep_in_debt,
    freeze_over_a_boundary,
    raise_at_once,
    forfeit_beside_a_hold,
    hold_over_a_boundary,
    hold_until_a_boundary,
    days_of_berlin,
    ends_of_months,
    two_allowances,
    end_at_a_boundary,
    allow_while_a_clock_is_ahead,
    capture_before_a_boundary,
    credits_of_the_future,
    spend_what_is_for_another_operation,
    spend_what_is_for_another_app,
    spend_in_order,
    spend_free_before_paid,
    grant_to_an_overdraft,
    grant_to_a_debt,
    capture_beyond_what_is_usable,
    hold_what_is_usable,
    reverse_a_spend_of_all_kinds,
    reverse_while_overdrawn,
    grant_in_a_batch,
    keep_a_lot_that_never_ends,
    grow_under_a_budget,
    grow_by_more_than_is_available,
    ask_for_too_large_a_debt,
    fill_a_debt,
    spend_in_debt,
    use_quantities,
    change_the_price_of_a_hold,
    capture_on_the_next_day,
    release_under_a_budget,
    reverse_under_a_budget,
    exceed_a_budget,
    capture_under_a_budget,
    release_what_has_expired,
    reach_an_expiry,
    record_after_a_clock_was_wrong,
)
