"""Examples of requests and of answers for the OpenAPI document, by operation id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ledger_py.http.problems import PROBLEM_TYPES, Problem
from ledger_py.http.schemas import (
    Allowances,
    BalanceParts,
    BatchAnswer,
    Budgets,
    EntryPage,
    Forecast,
    HoldPage,
    Liveness,
    LotPage,
    OperationList,
    PastBalance,
    Readiness,
    SpenderPage,
    Statement,
    StatementTotal,
    Timeline,
)
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import (
    Allowance,
    Balance,
    BalancePart,
    BalanceStep,
    Budget,
    ComingEvent,
    Entry,
    Hold,
    Lot,
    Operation,
    RecordedEntry,
    SpenderTotal,
    Transfer,
)

__all__ = ("answer_examples", "request_examples")

_OWNER: Final = {"owner_id": "test_user"}
_ACCOUNT: Final[dict[str, Any]] = {**_OWNER, "asset": "CREDIT"}
_NONCE: Final = "123e4567-e89b-12d3-a456-426655440000"
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_END: Final = datetime(2026, 2, 1, tzinfo=UTC)
_NOON: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
_LATER: Final = datetime(2026, 1, 15, 12, 15, tzinfo=UTC)
_GIFT: Final = "CREDIT_GIFT"


def request_examples(operations: type[BaseLedgerOperation]) -> dict[str, dict[str, Any]]:
    """Make named examples of the bodies that an app's service takes.

    Args:
        operations: The operations of the app.

    Returns:
        The examples by their names, by operation id.
    """
    # The last operation is one of the app's own, if it has any.
    own = list(operations)[-1].value
    request: dict[str, Any] = {**_OWNER, "nonce": _NONCE}
    entries = {
        "explicit amount": {"operation": "CREDIT_ADD", "amount": 10, **request},
        "debit": {"operation": "CREDIT_SPEND", "amount": -3, **request},
        "default amount": {"operation": own, **request, "metadata": {"source": "docs"}},
    }
    batch = [{**entry, "nonce": f"batch-7-{n}"} for n, entry in enumerate(entries.values(), 1)]
    gift = {
        "from_owner_id": "test_user",
        "to_owner_id": "other_user",
        # No enum says which operations are transferable.
        "operation": _GIFT if _GIFT in operations.__members__ else own,
        "amount": 5,
        "nonce": "gift-7",
    }
    return {
        "record_entry": entries,
        "record_entries": {"batch": {"entries": batch}},
        "transfer_credits": {"gift": gift},
        "reverse_entry": {
            "whole": {"original_nonce": _NONCE, "nonce": "refund-7"},
            "part": {"original_nonce": _NONCE, "nonce": "refund-8", "amount": 3},
        },
        "place_hold": {
            "hold": {**_OWNER, "operation": "CREDIT_SPEND", "amount": 10, "nonce": "job-7"}
        },
        "capture_hold": {
            "all": {"nonce": "job-7-done"},
            "part": {"nonce": "job-7-step-1", "amount": 7, "final": False},
            "in full": {"nonce": "job-7-done", "amount": 12, "beyond": "debt"},
        },
        "release_hold": {"empty": {}},
        "extend_hold": {"a quarter of an hour": {"expires_in": 900}},
        "grow_hold": {"by five": {"nonce": "job-7-more", "by": 5}},
        "grant_allowance": {
            "every month": {
                **_OWNER,
                "operation": "CREDIT_ADD",
                "nonce": "plan-7",
                "amount": 500,
                "carry_over_most": 100,
                "time_zone": "Europe/Berlin",
            },
            "once, in the future": {
                **_OWNER,
                "operation": "CREDIT_ADD",
                "nonce": "birthday-7",
                "amount": 10,
                "period": None,
                "starts_at": "2030-01-01T00:00:00Z",
            },
        },
        "change_allowance": {
            "from the next period on": {"nonce": "plan-7-smaller", "amount": 250},
            "at once": {"nonce": "plan-7-larger", "amount": 800, "from_next_period": False},
        },
        "end_allowance": {
            "now": {},
            "later": {"at": "2030-01-01T00:00:00Z"},
            "not any more": {"at": "infinity"},
            "with what is left": {"forfeit": True},
        },
        "set_budget": {
            "all together": {
                "most": 1000,
                "period": "month",
                "actor": "Olga",
                "reason": "as agreed",
            },
            "each spender": {
                "most": 20,
                "period": "day",
                "spender": "*",
                "time_zone": "Europe/Berlin",
                "actor": "Olga",
                "reason": "keys leak",
            },
        },
    }


def answer_examples(app: str) -> dict[str, dict[str, Any]]:
    """Make named examples of the successful answers of an app's service.

    Args:
        app: The name of the app.

    Returns:
        The examples by their names, by operation id, as values of JSON.
    """
    entry = RecordedEntry(
        **_ACCOUNT,
        entry_id=1,
        seq=1,
        app=app,
        operation="CREDIT_ADD",
        amount=10,
        balance=10,
        nonce=_NONCE,
        metadata=None,
        recorded_at=_NOON,
        replayed=False,
    )
    captured = _changed(
        entry,
        entry_id=2,
        seq=2,
        operation="CREDIT_SPEND",
        amount=-7,
        balance=3,
        nonce="job-7-done",
        hold_nonce="job-7",
    )
    reversal = _changed(
        entry,
        entry_id=2,
        seq=2,
        operation="REVERSAL",
        amount=-3,
        balance=7,
        nonce="refund-8",
        reverses_seq=1,
    )
    sent = _changed(entry, entry_id=2, seq=2, operation=_GIFT, amount=-5, balance=5, nonce="gift-7")
    received = _changed(
        sent,
        entry_id=3,
        seq=1,
        owner_id="other_user",
        amount=5,
        nonce="ledger:transfer:gift-7:1",
    )
    hold = Hold(
        **_ACCOUNT,
        app=app,
        operation="CREDIT_SPEND",
        nonce="job-7",
        amount=10,
        captured=0,
        remaining=10,
        status="open",
        placed_at=_NOON,
        expires_at=_LATER,
        closed_at=None,
        metadata=None,
        replayed=False,
    )
    released = _changed(hold, remaining=0, status="released", closed_at=_LATER)
    kind = PROBLEM_TYPES["insufficient_balance"]
    answers: dict[str, dict[str, Any]] = {
        "record_entry": {"entry": entry},
        "record_entries": {
            "one recorded, one refused": BatchAnswer(
                results=[entry, Problem("insufficient_balance").members()]
            )
        },
        "transfer_credits": {"gift": Transfer(sent=sent, received=[received])},
        "reverse_entry": {"reversal": reversal},
        "place_hold": {"hold": hold},
        "capture_hold": {"entry": captured},
        "release_hold": {"released": released},
        "extend_hold": {"extended": hold},
        "grow_hold": {"grown": _changed(hold, amount=15, remaining=15)},
        "balance": {"now": _balance(), "at a time": PastBalance(**_ACCOUNT, at=_NOON, balance=10)},
        "entries": {"the last page": EntryPage(entries=[_plain(entry)], next=None)},
        "holds": {"the last page": HoldPage(holds=[hold], next=None)},
        "balance_parts": {"of two kinds": _parts()},
        "lots": {"the last page": LotPage(lots=[_lot(app)], next=None)},
        "timeline": {"two steps": _timeline()},
        "forecast": {"an expiry": _forecast(app)},
        "statement": {"a month": _statement(app)},
        "grant_allowance": {"the allowance": _allowance(app, replayed=False)},
        "change_allowance": {"changed": _changed(_allowance(app, replayed=False), amount=800)},
        "end_allowance": {
            "ended": _changed(
                _allowance(app, replayed=False), ends_at=_NOON, status="ended", next_at=None
            )
        },
        "allowances": {"one": Allowances(**_ACCOUNT, allowances=[_allowance(app)])},
        "budgets": {"one": Budgets(**_ACCOUNT, budgets=[_budget(app)])},
        "set_budget": {"the budget": _budget(app)},
        "drop_budget": {"none is left": Budgets(**_ACCOUNT, budgets=[])},
        "statement_by_spender": {"the last page": _spenders()},
        "events": {"an entry": _event(entry)},
        "operations": {"operations": _operations(app)},
        "problem_types": {"kinds": [kind]},
        "problem_type": {"kind": kind},
        "live": {"live": Liveness(status="ok", app=app)},
        "ready": {
            "ready": Readiness(
                status="ok",
                app=app,
                checks={"database": "ok", "schema": "ok", "operations": "ok"},
            )
        },
    }
    plain: dict[str, dict[str, Any]] = msgspec.to_builtins(answers)
    return plain


def _changed(struct: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(struct, **fields)


def _plain(entry: RecordedEntry) -> Entry:
    return msgspec.convert(entry, Entry, from_attributes=True)


def _budget(app: str) -> Budget:
    return Budget(
        **_ACCOUNT,
        budget="monthly",
        spender=None,
        most=1000,
        period="month",
        app=app,
        operation=None,
        time_zone="UTC",
        own=True,
        spent=240,
        held=10,
        period_start=_START,
        resets_at=_END,
    )


def _balance() -> Balance:
    return Balance(
        **_ACCOUNT,
        balance=10,
        held=7,
        available=3,
        entry_count=1,
        next_expiry_at=None,
        next_expiry_amount=None,
        next_allowance_at=_END,
        next_allowance_amount=500,
    )


def _allowance(app: str, *, replayed: bool | None = None) -> Allowance:
    return Allowance(
        **_ACCOUNT,
        app=app,
        operation="CREDIT_ADD",
        nonce="plan-7",
        amount=500,
        period="month",
        time_zone="UTC",
        starts_at=_START,
        carry_over_most=100,
        carry_over_for=1,
        occurrences=None,
        ends_at=None,
        metadata=None,
        status="open",
        next_at=_END,
        replayed=replayed,
    )


def _lot(app: str) -> Lot:
    return Lot(
        seq=1,
        app=app,
        operation="CREDIT_ADD",
        nonce=_NONCE,
        amount=10,
        remaining=3,
        held=0,
        expires_at=_END,
        recorded_at=_NOON,
    )


def _parts() -> BalanceParts:
    prize = BalancePart(
        credit_class="free",
        usable_for=["CREDIT_SPEND"],
        usable_in=None,
        expires_at=_END,
        priority=100,
        amount=7,
        held=0,
    )
    plain = BalancePart(
        credit_class=None,
        usable_for=None,
        usable_in=None,
        expires_at=None,
        priority=100,
        amount=3,
        held=0,
    )
    return BalanceParts(**_ACCOUNT, parts=[prize, plain])


def _timeline() -> Timeline:
    steps = [
        BalanceStep(at=_NOON, balance=10, held=0, seq=1),
        BalanceStep(at=_LATER, balance=3, held=0, seq=2),
    ]
    return Timeline(**_ACCOUNT, steps=steps)


def _forecast(app: str) -> Forecast:
    expiry = ComingEvent(
        at=_END,
        kind="expiry",
        amount=-3,
        balance=0,
        held=0,
        seq=1,
        app=app,
        operation="CREDIT_ADD",
        nonce=_NONCE,
    )
    return Forecast(**_ACCOUNT, events=[expiry])


def _statement(app: str) -> Statement:
    total = StatementTotal(app=app, operation="CREDIT_ADD", entry_count=1, amount=10)
    return Statement(**_ACCOUNT, since=_START, until=_END, opening=0, totals=[total], closing=10)


def _spenders() -> SpenderPage:
    total = SpenderTotal(spender="key-7", entry_count=2, spent=3, given_back=1)
    return SpenderPage(spenders=[total], next=None)


def _event(entry: RecordedEntry) -> str:
    data = msgspec.json.encode(_plain(entry)).decode()
    return f"id: 1-1042-1-5f2c81ae\nevent: entry\ndata: {data}\n\n"


def _operations(app: str) -> OperationList:
    rule = Operation(
        operation="CREDIT_ADD",
        shared=True,
        asset="CREDIT",
        default_amount=None,
        min_amount=1,
        max_amount=1_000_000,
        claim_limit=None,
        claim_period=None,
        claim_scope=None,
        claim_time_zone=None,
        expires_after=None,
        description="Credits that the owner bought or was given.",
    )
    return OperationList(app=app, operations=[rule])
