"""Calls every operation of a running service of app1 with the client of openapi-python-client."""

import json
import sys
from datetime import UTC, datetime, timedelta

from ledger_client import Client
from ledger_client.api.catalogue import operations, problem_type, problem_types
from ledger_client.api.health import live, ready
from ledger_client.api.ledger import (
    allowances,
    balance,
    balance_parts,
    budgets,
    capture_hold,
    change_allowance,
    drop_budget,
    end_allowance,
    entries,
    events,
    extend_hold,
    forecast,
    grant_allowance,
    grow_hold,
    holds,
    lots,
    place_hold,
    record_entries,
    record_entry,
    release_hold,
    reverse_entry,
    set_budget,
    statement,
    statement_by_spender,
    timeline,
    transfer_credits,
)
from ledger_client.models import (
    Allowance,
    AllowanceChange,
    AllowanceEnd,
    AllowanceRequest,
    Allowances,
    App1Operation,
    Balance,
    BalanceParts,
    BatchAnswer,
    BatchEntry,
    BatchRequest,
    Budget,
    BudgetRequest,
    BudgetRequestPeriod,
    Budgets,
    CaptureRequest,
    Entry,
    EntryPage,
    ExtendRequest,
    Forecast,
    GrowRequest,
    Hold,
    HoldPage,
    HoldRequest,
    HoldsStatus,
    Liveness,
    LotPage,
    OperationList,
    PastBalance,
    ProblemType,
    ProblemTypeCode,
    Readiness,
    RecordedEntry,
    RecordRequest,
    ReversalRequest,
    SpenderPage,
    Statement,
    Timeline,
    Transfer,
    TransferRequest,
)

OWNER = "python"
HOLD = "py/job"
PLAN = "py/plan"
STARTED = datetime.now(UTC) - timedelta(minutes=1)


def credit(amount: int, nonce: str) -> RecordRequest:
    return RecordRequest(OWNER, App1Operation.CREDIT_ADD, amount=amount, nonce=nonce)


def debit(amount: int, nonce: str) -> RecordRequest:
    return RecordRequest(OWNER, App1Operation.CREDIT_SPEND, amount=-amount, nonce=nonce)


def record_and_replay(client: Client) -> None:
    first = record_entry.sync_detailed(client=client, body=credit(100, "py-1"))
    assert first.status_code == 201
    assert isinstance(first.parsed, RecordedEntry)
    assert (first.parsed.balance, first.parsed.replayed) == (100, False)
    again = record_entry.sync_detailed(client=client, body=credit(100, "py-1"))
    assert again.status_code == 200
    assert isinstance(again.parsed, RecordedEntry)
    assert (again.parsed.entry_id, again.parsed.replayed) == (first.parsed.entry_id, True)


def record_with_header(client: Client) -> None:
    body = RecordRequest(OWNER, App1Operation.CREDIT_ADD, amount=1)
    entry = record_entry.sync(client=client, body=body, idempotency_key="py-2")
    assert isinstance(entry, RecordedEntry)
    assert entry.nonce == "py-2"


def overdraw(client: Client) -> None:
    refused = record_entry.sync_detailed(client=client, body=debit(1000, "py-3"))
    assert refused.status_code == 402
    assert refused.parsed is not None
    problem = refused.parsed.to_dict()
    assert (problem["code"], problem["available"]) == ("insufficient_balance", 101)


def record_batch(client: Client) -> None:
    body = BatchRequest([_spent(1, "py-4"), _spent(1000, "py-5")])
    answer = record_entries.sync(client=client, body=body)
    assert isinstance(answer, BatchAnswer)
    recorded, refused = (result.to_dict() for result in answer.results)
    assert recorded["balance"] == 100
    assert refused["code"] == "insufficient_balance"


def _spent(amount: int, nonce: str) -> BatchEntry:
    return BatchEntry(OWNER, App1Operation.CREDIT_SPEND, amount=-amount, nonce=nonce)


def transfer(client: Client) -> None:
    body = TransferRequest(
        OWNER, f"{OWNER}'s friend", App1Operation.CREDIT_GIFT, 7, nonce="py/gift"
    )
    moved = transfer_credits.sync(client=client, body=body)
    assert isinstance(moved, Transfer)
    assert (moved.sent.balance, moved.received[0].balance) == (93, 7)
    back = ReversalRequest("py/gift", nonce="py-9")
    assert isinstance(reverse_entry.sync(client=client, body=back), RecordedEntry)


def reverse(client: Client) -> None:
    body = ReversalRequest("py-1", nonce="py-6", amount=10)
    reversal = reverse_entry.sync(client=client, body=body)
    assert isinstance(reversal, RecordedEntry)
    assert (reversal.operation, reversal.balance) == ("REVERSAL", 90)


def hold_and_capture(client: Client) -> None:
    request = HoldRequest(OWNER, App1Operation.CREDIT_SPEND, 20, nonce=HOLD)
    placed = place_hold.sync(client=client, body=request)
    assert isinstance(placed, Hold)
    extended = extend_hold.sync(HOLD, client=client, body=ExtendRequest(3600))
    assert isinstance(extended, Hold)
    assert extended.expires_at > placed.expires_at
    grown = grow_hold.sync(HOLD, client=client, body=GrowRequest(by=1, nonce="py-8"))
    assert isinstance(grown, Hold)
    assert grown.remaining == 21
    part = CaptureRequest(nonce="py-7", amount=5, final=False)
    captured = capture_hold.sync(HOLD, client=client, body=part)
    assert isinstance(captured, RecordedEntry)
    assert (captured.amount, captured.hold_nonce) == (-5, HOLD)
    released = release_hold.sync(HOLD, client=client)
    assert isinstance(released, Hold)
    assert (released.status, released.captured) == ("released", 5)


def read(client: Client) -> None:
    now = balance.sync(OWNER, client=client)
    assert isinstance(now, Balance)
    assert now.available == 85
    then = balance.sync(OWNER, client=client, at=STARTED)
    assert isinstance(then, PastBalance)
    assert then.balance == 0
    page = entries.sync(OWNER, client=client, limit=2)
    assert isinstance(page, EntryPage)
    assert page.next_ is not None
    rest = entries.sync(OWNER, client=client, cursor=page.next_)
    assert isinstance(rest, EntryPage)
    assert (rest.entries[-1].seq, rest.next_) == (1, None)
    found = holds.sync(OWNER, client=client, status=HoldsStatus.RELEASED)
    assert isinstance(found, HoldPage)
    assert found.holds[0].nonce == HOLD
    end = datetime.now(UTC) + timedelta(minutes=1)
    month = statement.sync(OWNER, client=client, since=STARTED, until=end)
    assert isinstance(month, Statement)
    assert month.closing == 85
    steps = timeline.sync(OWNER, client=client)
    assert isinstance(steps, Timeline)
    assert steps.steps[-1].balance == 85
    left = lots.sync(OWNER, client=client)
    assert isinstance(left, LotPage)
    parts = balance_parts.sync(OWNER, client=client)
    assert isinstance(parts, BalanceParts)
    coming = forecast.sync(OWNER, client=client)
    assert isinstance(coming, Forecast)


def give_regularly(client: Client) -> None:
    body = AllowanceRequest(
        owner_id=OWNER,
        operation=App1Operation.CREDIT_ADD,
        nonce=PLAN,
        amount=100,
        starts_at=STARTED + timedelta(days=365),
    )
    granted = grant_allowance.sync(client=client, body=body)
    assert isinstance(granted, Allowance)
    more = AllowanceChange(nonce="py-more", amount=200)
    changed = change_allowance.sync(PLAN, client=client, body=more)
    assert isinstance(changed, Allowance)
    assert changed.amount == 200
    ended = end_allowance.sync(PLAN, client=client, body=AllowanceEnd(at="2999-01-01T00:00:00Z"))
    assert isinstance(ended, Allowance)
    ended = end_allowance.sync(PLAN, client=client, body=AllowanceEnd(at="infinity"))
    assert isinstance(ended, Allowance)
    assert ended.ends_at is None
    found = allowances.sync(OWNER, client=client)
    assert isinstance(found, Allowances)
    assert found.allowances[0].next_at is not None


def limit(client: Client) -> None:
    body = BudgetRequest(
        most=1000, period=BudgetRequestPeriod.DAY, actor="olga", reason="as agreed"
    )
    budget = set_budget.sync(OWNER, "daily", client=client, body=body)
    assert isinstance(budget, Budget)
    assert budget.most == 1000
    under = budgets.sync(OWNER, client=client)
    assert isinstance(under, Budgets)
    assert [found.budget for found in under.budgets] == ["daily"]
    left = drop_budget.sync(OWNER, "daily", client=client, actor="olga", reason="over")
    assert isinstance(left, Budgets)
    page = statement_by_spender.sync(OWNER, client=client, since=STARTED)
    assert isinstance(page, SpenderPage)


def follow_events(client: Client) -> None:
    # The stream never ends, so the generated function would not return.
    with client.get_httpx_client().stream("GET", events._get_kwargs()["url"]) as answer:
        data = next(line for line in answer.iter_lines() if line.startswith("data: "))
    entry = Entry.from_dict(json.loads(data.removeprefix("data: ")))
    assert entry.nonce == "py-1"


def read_catalogue(client: Client) -> None:
    listed = operations.sync(client=client)
    assert isinstance(listed, OperationList)
    assert "CREDIT_ADD" in {one.operation for one in listed.operations}
    kinds = problem_types.sync(client=client)
    assert isinstance(kinds, list)
    assert "insufficient_balance" in {kind.code for kind in kinds}
    kind = problem_type.sync(ProblemTypeCode.INSUFFICIENT_BALANCE, client=client)
    assert isinstance(kind, ProblemType)
    assert kind.status == 402


def check_health(client: Client) -> None:
    alive = live.sync(client=client)
    assert isinstance(alive, Liveness)
    assert alive.status == "ok"
    able = ready.sync(client=client)
    assert isinstance(able, Readiness)
    assert able.checks["database"] == "ok"


if __name__ == "__main__":
    with Client(base_url=sys.argv[1]) as client:
        record_and_replay(client)
        record_with_header(client)
        overdraw(client)
        record_batch(client)
        transfer(client)
        reverse(client)
        hold_and_capture(client)
        read(client)
        give_regularly(client)
        limit(client)
        follow_events(client)
        read_catalogue(client)
        check_health(client)
