"""One table over all routes: what each asks of the ledger, answers, and refuses.

The rest of every route follows from its parameters, and is tested for all routes alike. A route
without a row in the table fails.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_origin

import httpx
import msgspec
import psycopg
import pytest
from psycopg import sql

from ledger_py.client_async import AsyncLedger
from ledger_py.http.bodies import MAX_BODY
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.routes import ROUTES
from ledger_py.http.routing import Route
from ledger_py.http.schemas import ProblemPath
from ledger_py.settings import Settings
from tests.fixtures.database import databases_of
from tests.fixtures.partitions import companion_of
from tests.http.problems import assert_problem
from tests.sql.calls import count_asset

Json = dict[str, Any]
Asked = list[tuple[str, Json]]

JSON = {"content-type": "application/json"}
GZIP = JSON | {"content-encoding": "gzip"}
TIME = "2999-01-01T00:00:00Z"
LATER = "2999-06-01T00:00:00Z"
PAST = "2020-01-01T00:00:00Z"
MICROSECONDS = 32_472_144_000_000_000  # until TIME
ACCOUNT: Json = {"owner_id": "OWNER", "asset": "CREDIT"}
NEWEST_HOLDS: Json = {"status": None, "before": None, "max_rows": 51}
METADATA = {"order": 7, "text": "ü"}


@dataclass(frozen=True)
class Row:
    """A request to a route; OWNER stands for an owner with 103 credits: 100 of them will
    expire, and 40 of these are held. An allowance has yet to begin. FRIEND has nothing.

    Attributes:
        asks: The method of the ledger that is called, and its arguments.
        answers: A part of the answer.
        refused: A variation that is refused: an address, or fields of the body; and the
            status and the code of the refusal.
    """

    route: str
    address: str
    body: Json | None = None
    asks: tuple[str, Json] | None = None
    answers: Any = field(default_factory=dict)
    refused: tuple[str | Json, int, str] | None = None
    then_asks: tuple[str, Json] | None = None


ENTRY: Json = {
    "owner_id": "OWNER",
    "operation": "DAILY_REWARD",
    "nonce": "OWNER-1",
    "amount": 1,
    "metadata": METADATA,
    "expires_at": TIME,
    "claim_subject": "OWNER-device",
    "spender": "OWNER-key",
    "quantity": None,
}
# Items are passed on without what they do not say.
SAID: Json = {name: value for name, value in ENTRY.items() if value is not None}
SPENDING = {"owner_id": "OWNER", "operation": "CREDIT_SPEND", "nonce": "OWNER-2", "amount": -99}
HOLD: Json = {
    "owner_id": "OWNER",
    "operation": "CREDIT_SPEND",
    "nonce": "OWNER-1",
    "amount": 4,
    "expires_in": 90,
    "metadata": METADATA,
    "spender": "OWNER-key",
    "quantity": None,
}
TRANSFER: Json = {
    "from_owner_id": "OWNER",
    "to_owner_id": "FRIEND",
    "operation": "CREDIT_GIFT",
    "nonce": "OWNER-1",
    "amount": 5,
    "metadata": METADATA,
    "spender": "OWNER-key",
}
REVERSAL: Json = {
    "nonce": "OWNER-1",
    "original_nonce": "OWNER-claim",
    "amount": 3,
    "metadata": METADATA,
    "free_claim": True,
    "owner_id": "OWNER",
}
HELD_BY: Json = {"owner_id": "OWNER"}
CAPTURE: Json = HELD_BY | {
    "nonce": "OWNER-1",
    "amount": 7,
    "final": False,
    "metadata": METADATA,
    "beyond": "debt",
    "quantity": None,
}
GROWTH: Json = HELD_BY | {"nonce": "OWNER-1", "by": 5}
JOB = {"hold_nonce": "OWNER-job"}

ALLOWANCE: Json = {
    "owner_id": "OWNER",
    "operation": "CREDIT_ADD",
    "nonce": "OWNER-1",
    "amount": 500,
    "period": "week",
    "starts_at": TIME,
    "time_zone": "Europe/Berlin",
    "carry_over_most": 100,
    "carry_over_for": 2,
    "occurrences": 12,
    "ends_at": LATER,
    "metadata": METADATA,
}
CHANGE: Json = HELD_BY | {"nonce": "OWNER-1", "amount": 9, "from_next_period": False}
PLAN = {"allowance_nonce": "OWNER-plan"}

BUDGET: Json = {
    "most": 9,
    "period": "day",
    "actor": "olga",
    "reason": "agreed",
    "asset": "CREDIT",
    "operation": "CREDIT_SPEND",
    "spender": "key-7",
    "time_zone": "Europe/Berlin",
}

ROWS = (
    Row(
        "record_entry",
        "/ledger",
        ENTRY,
        ("record_entry", ENTRY),
        {"seq": 3, "app": "app1", "amount": 1, "balance": 104, "metadata": METADATA},
        ({"amount": 2}, 422, "amount_out_of_bounds"),
    ),
    Row(
        "record_entries",
        "/ledger/batch",
        {"entries": [ENTRY, SPENDING, 7], "atomic": False},
        ("record_entries", {"entries": [SAID, SPENDING], "atomic": False}),
        {"results": [{"balance": 104}, {"code": "insufficient_balance"}, {"field": "entry"}]},
        ({"entries": [ENTRY, SPENDING], "atomic": True}, 402, "insufficient_balance"),
    ),
    Row(
        "transfer_credits",
        "/ledger/transfers",
        TRANSFER,
        ("transfer_credits", TRANSFER),
        {
            "sent": {"owner_id": "OWNER", "amount": -5, "balance": 98, "nonce": "OWNER-1"},
            "received": [{"owner_id": "FRIEND", "amount": 5, "metadata": METADATA}],
        },
        ({"operation": "CREDIT_SPEND"}, 422, "not_transferable"),
    ),
    Row(
        "reverse_entry",
        "/ledger/reversals",
        REVERSAL,
        ("reverse_entry", REVERSAL),
        {"operation": "REVERSAL", "amount": -3, "balance": 100, "reverses_seq": 2},
        ({"original_nonce": "OWNER-none"}, 404, "entry_not_found"),
    ),
    Row(
        "place_hold",
        "/ledger/holds",
        HOLD,
        ("place_hold", HOLD | {"expires_in": "PT90S"}),
        {"owner_id": "OWNER", "remaining": 4, "status": "open", "metadata": METADATA},
        ({"amount": 64}, 402, "insufficient_balance"),
    ),
    Row(
        "capture_hold",
        "/ledger/holds/OWNER-job/capture",
        CAPTURE,
        ("capture_hold", JOB | CAPTURE),
        {"amount": -7, "balance": 96, "hold_nonce": "OWNER-job"},
        ("/ledger/holds/OWNER-none/capture", 404, "hold_not_found"),
    ),
    Row(
        "release_hold",
        "/ledger/holds/OWNER-job/release",
        HELD_BY,
        ("release_hold", JOB | HELD_BY),
        {"status": "released", "remaining": 0, "replayed": False},
        ("/ledger/holds/OWNER-none/release", 404, "hold_not_found"),
    ),
    Row(
        "extend_hold",
        "/ledger/holds/OWNER-job/extend",
        HELD_BY | {"expires_in": 86_400},
        ("extend_hold", JOB | HELD_BY | {"expires_in": "P1D"}),
        {"status": "open", "remaining": 40},
        ("/ledger/holds/OWNER-none/extend", 404, "hold_not_found"),
    ),
    Row(
        "grow_hold",
        "/ledger/holds/OWNER-job/grow",
        GROWTH,
        ("grow_hold", JOB | GROWTH),
        {"amount": 45, "remaining": 45, "status": "open", "replayed": False},
        ({"by": 64}, 402, "insufficient_balance"),
    ),
    Row(
        "balance",
        "/ledger/OWNER",
        asks=("balance", ACCOUNT | {"for_app": None, "for_operation": None}),
        answers={"balance": 103, "held": 40, "available": 63, "entry_count": 2}
        | {"next_allowance_at": TIME, "next_allowance_amount": 7},
        refused=("/ledger/OWNER?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "balance",
        f"/ledger/OWNER?at={PAST}&asset=GEM",
        asks=("balance_at", {"owner_id": "OWNER", "asset": "GEM", "at": PAST}),
        answers={"owner_id": "OWNER", "asset": "GEM", "at": PAST, "balance": 0},
        refused=(f"/ledger/OWNER?at={TIME}", 422, "invalid_request"),
    ),
    Row(
        "entries",
        "/ledger/OWNER/entries?limit=2&cursor=3",
        asks=("entries_of", ACCOUNT | {"before_seq": 3, "max_rows": 2}),
        answers={"entries": [{"seq": 2, "nonce": "OWNER-claim"}, {"seq": 1}], "next": None},
        refused=("/ledger/OWNER/entries?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "entries",
        "/ledger/OWNER/entries",
        asks=("entries_of", ACCOUNT | {"before_seq": None, "max_rows": 50}),
    ),
    Row(
        "grant_allowance",
        "/ledger/allowances",
        ALLOWANCE,
        ("grant_allowance", ALLOWANCE),
        {"owner_id": "OWNER", "app": "app1", "status": "open", "next_at": TIME, "replayed": False}
        | {"metadata": METADATA, "ends_at": LATER},
        ({"operation": "CREDIT_SPEND", "amount": None}, 422, "invalid_request"),
    ),
    Row(
        "change_allowance",
        "/ledger/allowances/OWNER-plan/change",
        CHANGE,
        ("change_allowance", PLAN | CHANGE),
        {"nonce": "OWNER-plan", "amount": 9, "next_at": TIME, "replayed": False},
        ("/ledger/allowances/OWNER-none/change", 404, "allowance_not_found"),
    ),
    Row(
        "end_allowance",
        "/ledger/allowances/OWNER-plan/end",
        HELD_BY | {"at": None, "forfeit": True},
        ("end_allowance", PLAN | HELD_BY | {"at": None, "forfeit": True}),
        {"nonce": "OWNER-plan", "status": "ended", "next_at": None, "replayed": False},
        ("/ledger/allowances/OWNER-none/end", 404, "allowance_not_found"),
    ),
    Row(
        "end_allowance",
        "/ledger/allowances/OWNER-plan/end",
        HELD_BY | {"at": LATER, "forfeit": False},
        ("end_allowance", PLAN | HELD_BY | {"at": LATER, "forfeit": False}),
        {"nonce": "OWNER-plan", "status": "open", "ends_at": LATER, "next_at": TIME},
        ({"at": "tomorrow"}, 422, "invalid_request"),
    ),
    Row(
        "allowances",
        "/ledger/OWNER/allowances",
        asks=("allowances_of", ACCOUNT),
        answers=ACCOUNT | {"allowances": [{"nonce": "OWNER-plan", "amount": 7, "replayed": None}]},
        refused=("/ledger/OWNER/allowances?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "budgets",
        "/ledger/OWNER/budgets",
        asks=("budgets_of", ACCOUNT),
        answers={"budgets": []},
        refused=("/ledger/OWNER/budgets?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "set_budget",
        "/ledger/OWNER/budgets/monthly",
        BUDGET,
        ("set_budget", BUDGET | ACCOUNT | {"budget": "monthly", "app": "app1"}),
        {"budget": "monthly", "most": 9, "spent": 0, "own": True},
        ({"period": "month", "time_zone": "Mars"}, 422, "invalid_request"),
    ),
    Row(
        "drop_budget",
        "/ledger/OWNER/budgets/spare?actor=olga&reason=agreed",
        asks=(
            "drop_budget",
            ACCOUNT | {"budget": "spare", "actor": "olga", "reason": "agreed", "spender": None},
        ),
        then_asks=("budgets_of", ACCOUNT),
        answers={"budgets": []},
        refused=("/ledger/OWNER/budgets/none?actor=olga&reason=agreed", 404, "budget_not_found"),
    ),
    Row("holds", "/ledger/OWNER/holds", asks=("holds_of", ACCOUNT | NEWEST_HOLDS)),
    Row(
        "holds",
        f"/ledger/OWNER/holds?limit=1&status=open&cursor={MICROSECONDS}",
        asks=("holds_of", ACCOUNT | {"status": "open", "before": TIME, "max_rows": 2}),
        answers={"holds": [{"nonce": "OWNER-job"}], "next": None},
        refused=("/ledger/OWNER/holds?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "balance",
        "/ledger/OWNER?for_app=app1&for_operation=CREDIT_SPEND",
        asks=("balance", ACCOUNT | {"for_app": "app1", "for_operation": "CREDIT_SPEND"}),
        refused=("/ledger/OWNER?for_operation=NONE", 422, "unknown_operation"),
    ),
    Row(
        "balance_parts",
        "/ledger/OWNER/parts",
        asks=("balance_parts", ACCOUNT),
        answers={"parts": [{"credit_class": None, "usable_for": None, "held": 40}]},
        refused=("/ledger/OWNER/parts?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "lots",
        "/ledger/OWNER/lots",
        asks=("lots_of", ACCOUNT | {"after_seq": None, "max_rows": 51}),
        answers={
            "lots": [{"seq": 1, "nonce": "OWNER-gift", "remaining": 100, "held": 40}],
            "next": None,
        },
    ),
    Row(
        "lots",
        "/ledger/OWNER/lots?limit=1&cursor=1",
        asks=("lots_of", ACCOUNT | {"after_seq": 1, "max_rows": 2}),
        answers={"lots": [], "next": None},
        refused=("/ledger/OWNER/lots?cursor=2", 422, "invalid_request"),
    ),
    Row(
        "timeline",
        "/ledger/OWNER/timeline",
        asks=("timeline", ACCOUNT | {"since": None, "until": None, "points": 500}),
        answers=ACCOUNT
        | {"steps": [{"balance": 100, "held": 0, "seq": 1}, {"balance": 103, "held": 40}]},
        refused=("/ledger/OWNER/timeline?points=9", 422, "invalid_request"),
    ),
    Row(
        "timeline",
        f"/ledger/OWNER/timeline?since={PAST}&until={TIME}&points=10",
        asks=("timeline", ACCOUNT | {"since": PAST, "until": TIME, "points": 10}),
        answers={"steps": [{"at": PAST, "balance": 0, "held": 0, "seq": 0}]},
        refused=(f"/ledger/OWNER/timeline?since={TIME}", 422, "invalid_request"),
    ),
    Row(
        "forecast",
        "/ledger/OWNER/forecast",
        asks=("forecast", ACCOUNT | {"until": None, "max_rows": 1000}),
        answers=ACCOUNT
        | {
            "events": [
                {"kind": "hold_end", "amount": 40, "balance": 103, "held": 0, "seq": None},
                {"kind": "expiry", "amount": -100, "balance": 3, "nonce": "OWNER-gift", "at": TIME},
            ]
        },
        refused=("/ledger/OWNER/forecast?asset=gold", 422, "invalid_request"),
    ),
    Row(
        "forecast",
        f"/ledger/OWNER/forecast?until={PAST}&limit=2",
        asks=("forecast", ACCOUNT | {"until": PAST, "max_rows": 2}),
        answers={"events": []},
    ),
    Row(
        "statement",
        f"/ledger/OWNER/statement?since={PAST}&until={TIME}",
        asks=("statement", ACCOUNT | {"since": PAST, "until": TIME}),
        answers=ACCOUNT
        | {"since": PAST, "until": TIME, "opening": 0, "closing": 103}
        | {"totals": [{"operation": "CREDIT_ADD", "entry_count": 1, "amount": 100, "app": "app1"}]},
        refused=(f"/ledger/OWNER/statement?since={TIME}&until={TIME}", 422, "invalid_request"),
    ),
    Row(
        "statement",
        f"/ledger/OWNER/statement?since={PAST}",
        asks=("statement", ACCOUNT | {"since": PAST, "until": None}),
        answers={"until": None, "opening": 0, "closing": 103},
    ),
    Row(
        "statement_by_spender",
        f"/ledger/OWNER/spenders?since={PAST}&limit=1&cursor=key-1",
        asks=(
            "statement_by_spender",
            ACCOUNT | {"since": PAST, "until": None, "after_spender": "key-1", "max_rows": 2},
        ),
        answers={"spenders": [], "next": None},
        refused=(f"/ledger/OWNER/spenders?since={TIME}&until={TIME}", 422, "invalid_request"),
    ),
    Row(
        "events",
        "/events?after=0-0",  # what it answers has no end, and is tested elsewhere
        refused=("/events?after=0", 422, "invalid_request"),
    ),
    Row(
        "operations",
        "/operations",
        asks=("operations_of", {}),
        answers={"app": "app1", "operations": [{"operation": "CREDIT_ADD", "default_amount": 10}]},
    ),
    Row("problem_types", "/problems", answers=[{"code": "not_found", "status": 404}]),
    Row(
        "problem_type",
        "/problems/not_found",
        answers={"code": "not_found", "status": 404},
        refused=("/problems/nothing", 404, "not_found"),
    ),
    Row("live", "/health/live", answers={"status": "ok", "app": "app1"}),
    Row(
        "ready",
        "/health/ready",
        asks=("operations_of", {}),
        answers={"checks": {"database": "ok", "schema": "ok", "operations": "ok"}},
    ),
)

BY_NAME = {route.name: route for route in ROUTES}


def over(*rows: Row) -> pytest.MarkDecorator:
    """Run a test for each of some rows."""
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.route)


def struct_of(row: Row) -> type[msgspec.Struct]:
    type_: Any = BY_NAME[row.route].body_type
    struct: type[msgspec.Struct] = get_origin(type_) or type_
    return struct


def over_fields(*, required: bool) -> pytest.MarkDecorator:
    """Run a test for each field of the bodies, or for each that is required."""
    fields = [
        pytest.param(row, info.name, id=f"{row.route}-{info.name}")
        for row in WITH_BODY
        for info in msgspec.structs.fields(struct_of(row))
        if info.required or not required
    ]
    return pytest.mark.parametrize(("row", "name"), fields)


TABLES = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'r' AND relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
    ORDER BY 1
"""

WITH_BODY = [row for row in ROWS if row.body is not None]
WITH_NONCE = [row for row in ROWS if "nonce" in BY_NAME[row.route].parameters]
ENDED = [row for row in ROWS if row.route != "events"]


@pytest.fixture(scope="module", autouse=True)
def gems(module_db: str) -> None:
    """An asset that no account has."""
    for url in databases_of(module_db):
        with psycopg.connect(url) as conn:
            count_asset(conn, "GEM")


def prepare(api: httpx.Client, owner: str) -> None:
    """Give an owner what the table speaks of."""
    gift = {"operation": "CREDIT_ADD", "nonce": f"{owner}-gift", "amount": 100, "expires_at": TIME}
    claim = {"operation": "SIGNUP_CREDIT", "nonce": f"{owner}-claim"}
    for entry in (gift, claim):
        api.post("/ledger", json={"owner_id": owner} | entry).raise_for_status()
    hold = HOLD | {"owner_id": owner, "nonce": f"{owner}-job", "amount": 40}
    api.post("/ledger/holds", json=hold).raise_for_status()
    spare = {"most": 1000, "period": "day", "actor": "olga", "reason": "agreed"}
    api.put(f"/ledger/{owner}/budgets/spare", json=spare).raise_for_status()
    plan = {"operation": "CREDIT_ADD", "nonce": f"{owner}-plan", "amount": 7, "starts_at": TIME}
    plan |= {"owner_id": owner, "occurrences": 2}
    api.post("/ledger/allowances", json=plan).raise_for_status()


@pytest.fixture
def owner(api: httpx.Client, owner: str) -> str:
    """The owner that the table speaks of."""
    prepare(api, owner)
    return owner


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Note the calls of the ledger's methods, which are carried out all the same."""
    calls: Asked = []

    def noted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        def call(*args: Any, **kwargs: Any) -> Any:
            arguments = dict(signature.bind(*args, **kwargs).arguments)
            del arguments["self"]
            if isinstance(arguments.get("entries"), bytes):
                arguments["entries"] = json.loads(arguments["entries"])
            calls.append((name, msgspec.to_builtins(arguments)))
            return method(*args, **kwargs)

        return call

    for name, method in list(vars(AsyncLedger).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            monkeypatch.setattr(AsyncLedger, name, noted(name, method))
    return calls


def named(value: Any, owner: str) -> Any:
    text = json.dumps(value).replace("FRIEND", companion_of(owner))
    return json.loads(text.replace("OWNER", owner))


def replayed(answer: Json) -> Json:
    """Return the answer to the same request again."""
    if answer.keys() == {"sent", "received"}:
        return {"sent": replayed(answer["sent"]), "received": [*map(replayed, answer["received"])]}
    return answer | {"replayed": True}


def ask(
    api: httpx.Client,
    owner: str,
    row: Row,
    *,
    address: str | None = None,
    body: Any = None,
    headers: Json | None = None,
) -> httpx.Response:
    """Send the request of a row, or one that differs from it."""
    method = BY_NAME[row.route].method
    address = (address or row.address).replace("OWNER", owner)
    body = row.body if body is None else body
    if body is None:
        return api.request(method, address, headers=headers)
    return api.request(method, address, json=named(body, owner), headers=headers)


def send(
    api: httpx.Client, owner: str, row: Row, content: bytes, headers: Json = JSON
) -> httpx.Response:
    """Send bytes as the body of a row's request."""
    address = row.address.replace("OWNER", owner)
    return api.request(BY_NAME[row.route].method, address, content=content, headers=headers)


def holds(found: Any, expected: Any) -> bool:
    """Tell whether JSON holds what is expected, and maybe more."""
    if isinstance(expected, dict):
        return all(name in found and holds(found[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        return all(any(holds(item, wanted) for item in found) for wanted in expected)
    return bool(found == expected)


def test_every_route_has_a_row() -> None:
    assert {row.route for row in ROWS} == {route.name for route in ROUTES}
    for row in ROWS:
        assert (row.body is not None) == (BY_NAME[row.route].body_type is not None)
        # Every field is passed on, or the table would not notice one that is not.
        if row.body is not None:
            assert row.body.keys() == set(struct_of(row).__struct_fields__)


@over(*ENDED)
def test_route_passes_on_what_it_is_sent_and_answers(
    api: httpx.Client, owner: str, asked: Asked, row: Row
) -> None:
    response = ask(api, owner, row)

    assert response.status_code == (201 if BY_NAME[row.route].recorded else 200), response.text
    assert response.headers["content-type"] == "application/json"
    assert holds(response.json(), named(row.answers, owner)), response.json()
    # Readiness asks for the lag as well.
    calls = [list(call) for call in asked if call[0] != "feed_lag"]
    expected = [asked for asked in (row.asks, row.then_asks) if asked]
    assert calls == [named(asked, owner) for asked in expected]


@over(*(row for row in ROWS if row.refused))
def test_route_answers_a_refusal_with_a_problem_and_changes_nothing(
    api: httpx.Client, owner: str, count_entries: Callable[[], int], row: Row
) -> None:
    assert row.refused is not None
    instead, status, code = row.refused
    before = count_entries()

    response = (
        ask(api, owner, row, address=instead)
        if isinstance(instead, str)
        else ask(api, owner, row, body=(row.body or {}) | instead)
    )

    assert_problem(response, status, code)
    assert count_entries() == before


@over(*WITH_NONCE)
def test_same_request_again_is_answered_with_the_first_answer(
    api: httpx.Client, owner: str, row: Row
) -> None:
    first, again = ask(api, owner, row), ask(api, owner, row)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == replayed(first.json())


@over(*WITH_NONCE)
def test_idempotency_key_stands_in_for_the_nonce(api: httpx.Client, owner: str, row: Row) -> None:
    assert row.body is not None
    key = {"Idempotency-Key": f"{owner}-key"}
    without = row.body | {"nonce": None}

    missing = ask(api, owner, row, body=without)
    differing = ask(api, owner, row, headers=key)
    recorded = ask(api, owner, row, body=without, headers=key)
    again = ask(api, owner, row, body=row.body | {"nonce": "OWNER-key"})

    assert_problem(missing, 422, "invalid_request", field="nonce")
    assert_problem(differing, 422, "invalid_request", field="nonce")
    # A growth answers with its hold, a change with its allowance.
    named_by = {"grow_hold": "job", "change_allowance": "plan"}.get(row.route, "key")
    answer = recorded.json()
    answered = answer.get("sent", answer)
    assert (recorded.status_code, answered["nonce"]) == (201, f"{owner}-{named_by}")
    assert again.json() == replayed(answer)


@over(*ENDED)
def test_writes_wake_the_listeners_of_the_feed_and_reads_do_not(
    api: httpx.Client, owner: str, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    told: list[ChangeFeed] = []
    monkeypatch.setattr(ChangeFeed, "changed", lambda feed: told.append(feed))

    ask(api, owner, row)

    assert len(told) == (BY_NAME[row.route].method != "GET")


# Dry runs


@pytest.fixture
def kept(module_db: str) -> Callable[[], Json]:
    """Read everything that the ledger keeps."""

    def read(url: str) -> Json:
        with psycopg.connect(url) as conn:
            names = [name for (name,) in conn.execute(TABLES)]
            return {
                name: conn.execute(
                    sql.SQL("SELECT it::text FROM {} AS it ORDER BY 1").format(
                        sql.Identifier(*name.split("."))
                    )
                ).fetchall()
                for name in names
            }

    return lambda: {url: read(url) for url in databases_of(module_db)}


def dry(row: Row, value: str = "true") -> str:
    return f"{row.address}?dry_run={value}"


@over(*WITH_BODY)
def test_dry_run_answers_as_the_request_would_and_keeps_nothing(
    api: httpx.Client, owner: str, kept: Callable[[], Json], row: Row
) -> None:
    before = kept()
    answer = ask(api, owner, row, address=dry(row))
    assert kept() == before

    real = ask(api, owner, row)
    assert answer.status_code == real.status_code
    assert answer.headers["content-type"] == "application/json"
    assert without_times(answer.json()) == without_times(real.json()) | {"dry_run": True}
    assert "dry_run" not in real.json()


def without_times(answer: Any) -> Any:
    """Leave out what differs from one call to the next."""
    if isinstance(answer, list):
        return [without_times(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: without_times(value)
        for name, value in answer.items()
        if name
        not in ("entry_id", "recorded_at", "placed_at", "closed_at", "expires_at", "ends_at")
    }


@over(*WITH_NONCE)
def test_dry_run_of_a_recorded_request_says_that_it_would_be_a_replay(
    api: httpx.Client, owner: str, row: Row
) -> None:
    real = ask(api, owner, row)
    again = ask(api, owner, row, address=dry(row))

    assert (again.status_code, again.json()) == (
        200,
        replayed(real.json()) | {"dry_run": True},
    )


@over(*(row for row in WITH_BODY if row.refused))
def test_dry_run_is_refused_as_the_request_would_be(
    api: httpx.Client, owner: str, row: Row
) -> None:
    assert row.refused is not None
    instead, status, code = row.refused
    if isinstance(instead, str):
        answer = ask(api, owner, row, address=f"{instead}?dry_run=true")
    else:
        answer = ask(api, owner, row, address=dry(row), body=(row.body or {}) | instead)
    assert_problem(answer, status, code, dry_run=True)


@over(*WITH_BODY)
def test_dry_run_does_not_wake_the_listeners_of_the_feed(
    api: httpx.Client, owner: str, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    told: list[ChangeFeed] = []
    monkeypatch.setattr(ChangeFeed, "changed", lambda feed: told.append(feed))

    ask(api, owner, row, address=dry(row))

    assert told == []


@over(*WITH_BODY)
def test_false_is_no_dry_run_and_other_values_are_refused(
    api: httpx.Client, owner: str, kept: Callable[[], Json], row: Row
) -> None:
    before = kept()
    for value in ("", "1", "True", "yes"):
        refused = ask(api, owner, row, address=dry(row, value))
        assert_problem(refused, 422, "invalid_request", field="dry_run")
    assert kept() == before

    answer = ask(api, owner, row, address=dry(row, "false"))
    assert answer.status_code == (201 if BY_NAME[row.route].recorded else 200)
    assert "dry_run" not in answer.json()
    assert kept() != before


# Bodies


@over_fields(required=False)
def test_value_of_the_wrong_type_is_refused(
    api: httpx.Client, owner: str, row: Row, name: str
) -> None:
    wrong = {} if name == "entries" else [1]

    response = ask(api, owner, row, body=(row.body or {}) | {name: wrong})

    assert_problem(response, 422, "invalid_request", field=name)


@over_fields(required=True)
def test_missing_required_field_is_refused(
    api: httpx.Client, owner: str, row: Row, name: str
) -> None:
    rest = {key: value for key, value in (row.body or {}).items() if key != name}

    assert_problem(ask(api, owner, row, body=rest), 422, "invalid_request", field=name)


@over(*WITH_BODY)
def test_unknown_field_is_refused(api: httpx.Client, owner: str, row: Row) -> None:
    response = ask(api, owner, row, body=(row.body or {}) | {"color": "red"})

    assert_problem(response, 422, "invalid_request", field="color")


BODIES: dict[str, tuple[bytes, Json, int, str, str]] = {
    "array": (b"[]", JSON, 422, "invalid_request", "body"),
    "cut off": (b"{", JSON, 400, "malformed_json", ""),
    "no type": (b"{}", {}, 415, "unsupported_media_type", "Content-Type"),
    "other type": (b"{}", {"content-type": "a/b"}, 415, "unsupported_media_type", "Content-Type"),
    "compressed": (b"{}", GZIP, 415, "unsupported_media_type", "Content-Encoding"),
}


@over(*WITH_BODY)
@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES.keys())
def test_malformed_body_is_refused(
    api: httpx.Client, owner: str, row: Row, case: tuple[bytes, Json, int, str, str]
) -> None:
    content, headers, status, code, field_name = case

    response = send(api, owner, row, content, headers)

    assert assert_problem(response, status, code).get("field", "") == field_name


@over(*WITH_BODY)
def test_body_is_limited_to_the_exact_byte(api: httpx.Client, owner: str, row: Row) -> None:
    most = Settings().max_body if BY_NAME[row.route].many else MAX_BODY
    body = json.dumps(named(row.body, owner)).encode()

    too_large = send(api, owner, row, body.ljust(most + 1))
    just_right = send(api, owner, row, body.ljust(most))

    assert_problem(too_large, 413, "body_too_large", limit=most)
    assert just_right.status_code in (200, 201)


@over(*WITH_BODY)
def test_missing_body_is_refused_unless_optional(api: httpx.Client, owner: str, row: Row) -> None:
    response = send(api, owner, row, b"", JSON if BY_NAME[row.route].body_required else {})

    if BY_NAME[row.route].body_required:
        assert_problem(response, 400, "malformed_json")
    else:
        assert response.status_code == 200


@over(*ENDED)
def test_unknown_query_parameter_is_refused_by_queries_and_writes(
    api: httpx.Client, owner: str, row: Row
) -> None:
    separator = "&" if "?" in row.address else "?"

    response = ask(api, owner, row, address=f"{row.address}{separator}color=red")

    route = BY_NAME[row.route]
    if route.writes or "query" in route.parameters:
        assert_problem(response, 422, "invalid_request", field="color")
    else:
        assert response.is_success


WITH_KEY = [route for route in ROUTES if route.parameters.get("at", ProblemPath) is not ProblemPath]


@pytest.mark.parametrize("route", WITH_KEY, ids=lambda route: route.name)
@pytest.mark.parametrize("segment", ["%00", "%ff", "a%00b", "x" * 256, "%C3%BC" * 256])
def test_segment_that_cannot_be_a_key_is_refused(
    api: httpx.Client, route: Route, segment: str
) -> None:
    (row, *_) = (row for row in ROWS if row.route == route.name)
    name, *_ = route.parameters["at"].__struct_fields__
    address = route.path.replace(f"{{{name}}}", segment) + "?" + row.address.partition("?")[2]

    response = api.request(route.method, address, json=row.body)

    assert_problem(response, 422, "invalid_request", field=name)


@over(*[row for row in ROWS if BY_NAME[row.route].method == "GET"])
def test_head_is_answered_like_get_without_the_body(
    api: httpx.Client, owner: str, row: Row
) -> None:
    head = api.head(row.address.replace("OWNER", owner))

    assert (head.status_code, head.content) == (200, b"")


def test_head_of_an_unknown_address_has_no_body(api: httpx.Client) -> None:
    head = api.head("/nothing")

    assert (head.status_code, head.content) == (404, b"")
    assert head.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_address_names_its_methods(api: httpx.Client, path: str) -> None:
    methods = {route.method for route in ROUTES if route.path == path} | {"OPTIONS"}
    methods |= {"HEAD"} if "GET" in methods else set()

    for method in {"PUT", "DELETE", "PATCH", "PROPFIND"} - methods:
        response = api.request(method, path)
        assert_problem(response, 405, "method_not_allowed")
        assert set(response.headers["allow"].split(", ")) == methods
    response = api.options(path)
    assert (response.status_code, response.headers["allow"]) == (204, ", ".join(sorted(methods)))
