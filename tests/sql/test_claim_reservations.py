"""A claim subject that another partition keeps is reserved there, for the entry of an owner here.

One ledger plays both partitions: alice and her subject `near` are of its buckets, bob and `far` are
of others.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from ledger_py.cluster.buckets import bucket_of
from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    Row,
    balance,
    entries,
    new_nonce,
    record,
    refused,
    rows,
    scalar,
)
from tests.sql.lifecycle import define_limited, item, place, record_batch, reverse

BUCKETS = 16
ALICE, BOB = bucket_of("alice", BUCKETS), bucket_of("bob", BUCKETS)


def named(kept: bool, number: int = 0) -> str:
    """Make up a subject whose bucket is kept, or is not."""
    found = (f"s{n}" for n in range(10_000) if (bucket_of(f"s{n}", BUCKETS) == ALICE) is kept)
    return [next(found) for _ in range(number + 1)][-1]


NEAR, FAR = named(kept=True), named(kept=False)
FAR_BUCKET = bucket_of(FAR, BUCKETS)


@pytest.fixture(autouse=True)
def keep_alice(tx: Connection) -> None:
    keep(tx)


def keep(conn: Connection) -> None:
    kept = f"{{[{ALICE},{ALICE}]}}"
    conn.execute("SELECT ledger_core.keep_buckets('p0', %s, %s)", [BUCKETS, kept])


def claim(**fields: Any) -> Row:
    """Make an item to reserve: NEAR for bob under a new nonce, unless told otherwise."""
    plain = {"owner_id": "bob", "operation": "SIGNUP_CREDIT", "claim_subject": NEAR}
    return plain | {"nonce": new_nonce()} | fields


def reserve(conn: Connection, *claims: Row, app: str = "app1") -> list[Row]:
    found = rows(conn, "reserve_claims", app=app, claims=Jsonb(list(claims)))
    return sorted(found, key=lambda row: row["position"])


def deadline_of(conn: Connection, item: Row, app: str = "app1") -> datetime:
    (row,) = reserve(conn, item, app=app)
    assert row["code"] is None, row
    found: datetime = row["claim_deadline"]
    return found


def settle(conn: Connection, item: Row, outcome: str, **fields: Any) -> str:
    """Settle a reservation; claim_deadline may be a time."""
    app = fields.pop("of", "app1")
    settled = {name: item[name] for name in ("owner_id", "nonce")} | {"outcome": outcome} | fields
    (row,) = rows(conn, "settle_claims", app=app, claims=Jsonb([_json(settled)]))
    return str(row["settled"])


def outcome(conn: Connection, item: Row, **fields: Any) -> str:
    asked = _json({"app": "app1"} | item | fields)
    (row,) = rows(conn, "claim_outcomes", claims=Jsonb([asked]))
    return str(row["outcome"])


def unsettled(conn: Connection, item: Row, app: str = "app1") -> list[Row]:
    asked = {"app": app, "operation": item["operation"], "claim_subject": item["claim_subject"]}
    return rows(conn, "unsettled_claims", claims=Jsonb([asked]))


def _json(fields: Row) -> Row:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def claim_far(conn: Connection, deadline: datetime | None, **fields: Any) -> Row:
    plain = {"operation": "SIGNUP_CREDIT", "claim_subject": FAR, "claim_deadline": deadline}
    return record(conn, **plain | fields)


# Where the subject is kept


def test_reservation_has_a_deadline(tx: Connection, clock: Clock) -> None:
    assert deadline_of(tx, claim()) - clock.now == timedelta(seconds=10)


def test_deadline_is_not_beyond_the_period(tx: Connection, clock: Clock) -> None:
    midnight = (clock.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    clock.advance(midnight - timedelta(seconds=3) - clock.now)
    assert deadline_of(tx, claim(operation="DAILY_REWARD")) == midnight


def test_reservation_counts_for_owners_of_every_partition(tx: Connection) -> None:
    deadline_of(tx, claim())
    (other,) = reserve(tx, claim())
    assert other["code"] == "claim_limit_reached"
    with refused(tx, "LG302") as refusal:
        record(tx, operation="SIGNUP_CREDIT", claim_subject=NEAR)
    assert refusal.detail == other["detail"]
    assert refusal.message == other["message"]
    (in_batch,) = record_batch(tx, [item(operation="SIGNUP_CREDIT", claim_subject=NEAR)])
    assert in_batch["detail"] == other["detail"]


def test_claim_of_an_owner_here_counts_for_reservations(tx: Connection) -> None:
    record(tx, operation="SIGNUP_CREDIT", claim_subject=NEAR)
    assert [row["code"] for row in reserve(tx, claim())] == ["claim_limit_reached"]


def test_limit_of_three_is_reserved_three_times(tx: Connection) -> None:
    define_limited(tx, limit=3)
    found = reserve(tx, *[claim(operation="LIMITED") for _ in range(5)])
    assert sorted(row["code"] or "" for row in found) == [
        *["", "", ""],
        *["claim_limit_reached"] * 2,
    ]
    assert rows(tx, "verify") == []


def test_same_request_finds_its_reservation(tx: Connection, clock: Clock) -> None:
    request = claim()
    first = deadline_of(tx, request)
    clock.forward(seconds=7)
    assert deadline_of(tx, request) - first == timedelta(seconds=7)
    assert scalar(tx, "SELECT attempts FROM ledger.claim_reservations") == 2


@pytest.mark.parametrize(
    "other", [{"owner_id": "carol"}, {"operation": "DAILY_REWARD"}, {"claim_subject": NEAR + "x"}]
)
def test_another_request_under_the_nonce_is_refused(tx: Connection, other: Row) -> None:
    if "claim_subject" in other:
        other = {"claim_subject": named(kept=True, number=1)}
    request = claim()
    deadline_of(tx, request)
    (row,) = reserve(tx, request | other)
    assert (row["code"], row["detail"]) == (
        "nonce_conflict",
        {"app": "app1", "nonce": request["nonce"]},
    )


def test_nonce_that_an_entry_or_a_hold_has_is_refused(tx: Connection) -> None:
    record(tx, nonce="of an entry")
    place(tx, 1, nonce="of a hold")
    found = reserve(tx, claim(nonce="of an entry"), claim(nonce="of a hold"))
    assert [row["code"] for row in found] == ["nonce_conflict"] * 2


def test_operation_without_a_limit_needs_no_reservation(tx: Connection) -> None:
    for operation in ("CREDIT_ADD", "UNKNOWN"):
        (row,) = reserve(tx, claim(operation=operation))
        assert (row["claim_deadline"], row["code"]) == (None, None)


def test_scope_of_the_limit_is_that_of_claims(tx: Connection) -> None:
    define_limited(tx, claim_scope="owner_and_app")
    deadline_of(tx, claim(operation="LIMITED"))
    deadline_of(tx, claim(operation="LIMITED"), app="app2")
    assert [row["code"] for row in reserve(tx, claim(operation="LIMITED"))] == [
        "claim_limit_reached"
    ]


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        ({"claim_subject": FAR}, "wrong_partition", {"claim_subject": FAR, "partition": "p0"}),
        ({"owner_id": "alice"}, "invalid_request", {"field": "owner_id"}),
        ({"owner_id": None}, "invalid_request", {"field": "owner_id"}),
        ({"nonce": ""}, "invalid_request", {"field": "nonce"}),
        ({"claim_subject": None}, "invalid_request", {"field": "claim_subject"}),
        ({"operation": None}, "invalid_request", {"field": "operation"}),
    ],
)
def test_what_cannot_be_reserved_is_refused_by_itself(
    tx: Connection, fields: Row, code: str, detail: Row
) -> None:
    wrong, right = reserve(tx, claim(**fields), claim())
    assert wrong["code"] == code
    assert wrong["detail"] | detail == wrong["detail"]
    assert right["code"] is None


@pytest.mark.parametrize(
    "claims",
    [None, {}, [1], [[]], [{"x": 1}], [{"nonce": 1}], [{"claim_deadline": "soon"}], [{}] * 10_001],
)
@pytest.mark.parametrize(
    "function", ["reserve_claims", "settle_claims", "unsettled_claims", "claim_outcomes"]
)
def test_malformed_argument_is_refused(tx: Connection, function: str, claims: Any) -> None:
    app = {"app": "app1"} if function in ("reserve_claims", "settle_claims") else {}
    with refused(tx, "LG001"):
        rows(tx, function, claims=claims if claims is None else Jsonb(claims), **app)


@pytest.mark.parametrize("function", ["reserve_claims", "settle_claims"])
def test_unknown_app_is_refused(tx: Connection, function: str) -> None:
    with refused(tx, "LG101"):
        rows(tx, function, app="nobody", claims=Jsonb([]))


def test_plain_ledger_reserves_nothing(tx: Connection) -> None:
    tx.execute("DELETE FROM ledger_core.kept_buckets")
    (row,) = reserve(tx, claim())
    assert (row["code"], row["detail"]["field"]) == ("invalid_request", "owner_id")


# Settling


def test_recorded_reservation_is_kept(tx: Connection) -> None:
    request = claim()
    deadline = deadline_of(tx, request)
    assert settle(tx, request, "recorded") == "kept"
    assert settle(tx, request, "recorded") == "kept"
    for other in ("refused", "lapsed"):
        assert settle(tx, request, other, claim_deadline=deadline) == "kept"
    assert unsettled(tx, request) == []
    assert rows(tx, "verify") == []


def test_free_slot_is_told(tx: Connection) -> None:
    """Whoever was refused a moment ago can try again."""
    define_limited(tx, limit=2)
    request = claim(operation="LIMITED")
    assert [row["nonce"] for row in unsettled(tx, request)] == [None]
    deadline_of(tx, request)
    assert [row["nonce"] for row in unsettled(tx, request)] == [None, request["nonce"]]
    record(tx, operation="LIMITED", claim_subject=NEAR)
    assert [row["nonce"] for row in unsettled(tx, request)] == [request["nonce"]]


def test_refused_request_gives_its_reservation_back(tx: Connection) -> None:
    request = claim()
    deadline = deadline_of(tx, request)
    assert settle(tx, request, "refused", claim_deadline=deadline) == "given_back"
    assert settle(tx, request, "refused", claim_deadline=deadline) == "unknown"
    deadline_of(tx, claim())
    assert rows(tx, "verify") == []


def test_one_of_two_attempts_gives_nothing_back(tx: Connection) -> None:
    """The other one may still record it."""
    request = claim()
    attempts = [deadline_of(tx, request) for _ in range(2)]
    assert len(set(attempts)) == 2
    for deadline in attempts:
        assert settle(tx, request, "refused", claim_deadline=deadline) == "reserved"


def test_no_time_alone_gives_a_reservation_back(tx: Connection, clock: Clock) -> None:
    request = claim()
    deadline_of(tx, request)
    clock.forward(days=400)
    assert [row["code"] for row in reserve(tx, claim())] == ["claim_limit_reached"]


def test_lapsed_reservation_is_given_back_after_the_margin(tx: Connection, clock: Clock) -> None:
    request = claim()
    deadline = deadline_of(tx, request)
    (waiting,) = unsettled(tx, request)
    assert (waiting["nonce"], waiting["owner_id"], waiting["overdue"]) == (
        request["nonce"],
        "bob",
        False,
    )
    clock.forward(seconds=65)
    assert settle(tx, request, "lapsed", claim_deadline=deadline) == "reserved"
    clock.forward(seconds=6)
    assert [row["overdue"] for row in unsettled(tx, request, app="app2")] == [True]
    early = deadline - timedelta(microseconds=1)
    assert settle(tx, request, "lapsed", claim_deadline=early) == "reserved"
    assert settle(tx, request, "lapsed", claim_deadline=deadline) == "given_back"
    deadline_of(tx, claim())


def test_other_apps_settle_only_what_is_overdue(tx: Connection, clock: Clock) -> None:
    kept, lapsed = claim(), claim(claim_subject=named(kept=True, number=1))
    deadlines = [deadline_of(tx, request) for request in (kept, lapsed)]
    other: Row = {"of": "app2", "app": "app1"}
    assert settle(tx, kept, "recorded", **other) == "reserved"
    clock.forward(minutes=2)
    for given in ("refused", "freed"):
        assert settle(tx, kept, given, claim_deadline=deadlines[0], **other) == "reserved"
    assert settle(tx, kept, "recorded", **other) == "kept"
    assert settle(tx, lapsed, "lapsed", claim_deadline=deadlines[1], **other) == "given_back"


def test_freed_claim_is_given_back(tx: Connection) -> None:
    request = claim()
    deadline_of(tx, request)
    settle(tx, request, "recorded")
    assert settle(tx, request, "freed") == "given_back"
    deadline_of(tx, claim())


def test_reservation_of_an_earlier_period_gets_no_new_deadline(
    tx: Connection, clock: Clock
) -> None:
    request = claim(operation="DAILY_REWARD")
    deadline = deadline_of(tx, request)
    clock.forward(days=1)
    assert deadline_of(tx, request) == deadline
    assert settle(tx, request, "refused", claim_deadline=deadline) == "reserved"
    assert settle(tx, request, "lapsed", claim_deadline=deadline) == "given_back"
    assert deadline_of(tx, request) > clock.now


def test_outcome_must_be_one(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        settle(tx, claim(), "perhaps")
    assert refusal.detail["field"] == "outcome"


# Where the owner is kept


def test_foreign_subject_needs_a_deadline(tx: Connection) -> None:
    with refused(tx, "LG312") as refusal:
        claim_far(tx, None)
    assert refusal.detail == {
        "operation": "SIGNUP_CREDIT",
        "claim_subject": FAR,
        "bucket": bucket_of(FAR, BUCKETS),
        "partition": "p0",
    }
    assert "reserve the subject" in refusal.hint
    assert scalar(tx, "SELECT count(*) FROM ledger.entries") == 0


def test_entry_within_the_deadline_is_recorded_and_limits_its_owner(
    tx: Connection, clock: Clock
) -> None:
    deadline = clock.ahead(seconds=5)
    assert claim_far(tx, deadline)["balance"] == 3
    (entry,) = entries(tx)
    assert (entry["claim_slot"], entry["subject_slot"], entry["claim_subject"]) == (1, None, FAR)
    with refused(tx, "LG302") as refusal:
        claim_far(tx, deadline)
    assert refusal.detail["limited"] == "owner"
    assert rows(tx, "verify") == []


def test_deadline_that_has_passed_is_refused(tx: Connection, clock: Clock) -> None:
    with refused(tx, "LG312"):
        claim_far(tx, clock.ahead(microseconds=-1))
    assert claim_far(tx, clock.now)["seq"] == 1


def test_replay_needs_no_deadline(tx: Connection, clock: Clock) -> None:
    first = claim_far(tx, clock.ahead(seconds=5), nonce="once")
    again = claim_far(tx, None, nonce="once")
    assert (again["replayed"], again["entry_id"]) == (True, first["entry_id"])


def test_operation_without_a_limit_needs_no_deadline(tx: Connection) -> None:
    assert record(tx, claim_subject=FAR)["seq"] == 1


def test_deadline_of_a_subject_that_is_kept_here_means_nothing(
    tx: Connection, clock: Clock
) -> None:
    record(tx, operation="SIGNUP_CREDIT", claim_subject=NEAR, claim_deadline=clock.ahead(days=-1))
    assert entries(tx)[0]["subject_slot"] == 1


def test_limit_of_three_with_a_foreign_subject(tx: Connection, clock: Clock) -> None:
    define_limited(tx, limit=3)
    for _ in range(3):
        claim_far(tx, clock.ahead(seconds=5), operation="LIMITED")
    assert [entry["subject_slot"] for entry in entries(tx)] == [None] * 3
    assert rows(tx, "verify") == []


@pytest.mark.parametrize("size", [1, 30])
def test_batch_judges_every_item_as_a_single_call(tx: Connection, clock: Clock, size: int) -> None:
    define_limited(tx, limit=1000, period="day")
    soon, late = clock.ahead(seconds=5).isoformat(), clock.ahead(seconds=-5).isoformat()
    kinds: list[Any] = [
        {"claim_subject": FAR, "claim_deadline": soon},
        {"claim_subject": FAR, "claim_deadline": late},
        {"claim_subject": FAR},
        {"claim_subject": NEAR},
        {"claim_subject": FAR, "claim_deadline": "soon"},
        {"claim_subject": FAR, "claim_deadline": "2030-02-31T00:00:00Z"},
        {"operation": "CREDIT_ADD", "amount": 1, "claim_subject": FAR},
        {"operation": "CREDIT_ADD", "amount": 1, "claim_deadline": soon},
        {"operation": "CREDIT_ADD", "amount": 1, "claim_deadline": 5},
    ]
    items = [item(**({"operation": "LIMITED"} | kind)) for _ in range(size) for kind in kinds]
    found = record_batch(tx, items)
    assert [row["code"] for row in found] == [
        None,
        "claim_not_reserved",
        "claim_not_reserved",
        None,
        "invalid_request",
        "invalid_request",
        None,
        None,
        "invalid_request",
    ] * size
    assert [row["replayed"] for row in record_batch(tx, items) if row["code"] is None] == [True] * (
        4 * size
    )
    assert rows(tx, "verify") == []


def test_atomic_batch_names_the_item_that_is_not_reserved(tx: Connection) -> None:
    items = [item(1), item(operation="SIGNUP_CREDIT", claim_subject=FAR)]
    with refused(tx, "LG312") as refusal:
        record_batch(tx, items, atomic=True)
    assert refusal.detail["position"] == 2
    assert balance(tx) == 0


# What became of it


def test_outcomes(tx: Connection, clock: Clock) -> None:
    deadline = clock.ahead(seconds=5)
    request = claim(owner_id="alice", claim_subject=FAR)
    assert outcome(tx, request) == "open"
    assert outcome(tx, request, claim_deadline=deadline) == "open"
    claim_far(tx, deadline, nonce=request["nonce"])
    assert outcome(tx, request) == "recorded"
    assert outcome(tx, {"owner_id": "alice", "nonce": request["nonce"]}) == "recorded"
    for other in ({"claim_subject": "x"}, {"operation": "DAILY_REWARD"}, {"owner_id": "bob"}):
        assert outcome(tx, request, **other) == "lapsed"
    reverse(tx, request["nonce"], free_claim=True)
    assert outcome(tx, request) == "freed"


def test_request_that_was_not_recorded_in_time_has_lapsed(tx: Connection, clock: Clock) -> None:
    request = claim(owner_id="alice", claim_subject=FAR)
    deadline = clock.ahead(seconds=5)
    clock.forward(seconds=6)
    assert outcome(tx, request, claim_deadline=deadline) == "lapsed"
    # Its nonce is as free as before.
    record(tx, nonce=request["nonce"])


def test_request_whose_nonce_a_hold_has_has_lapsed(tx: Connection) -> None:
    record(tx, amount=5)
    request = claim(owner_id="alice", claim_subject=FAR)
    place(tx, 1, nonce=request["nonce"])
    assert outcome(tx, request) == "lapsed"


# Buckets


def test_buckets_of_subjects_that_have_claimed_are_not_given_away(tx: Connection) -> None:
    both = f"{{[{ALICE},{ALICE}], [{FAR_BUCKET},{FAR_BUCKET}]}}"
    tx.execute("SELECT ledger_core.keep_buckets('p0', %s, %s)", [BUCKETS, both])
    record(tx, operation="SIGNUP_CREDIT", claim_subject=FAR)
    with refused(tx, "LG001") as refusal:
        keep(tx)
    assert "claim subject" in refusal.detail["reason"]


def test_buckets_of_owners_of_reservations_are_not_taken(tx: Connection) -> None:
    deadline_of(tx, claim())
    both = f"{{[{ALICE},{ALICE}], [{BOB},{BOB}]}}"
    with refused(tx, "LG001") as refusal:
        tx.execute("SELECT ledger_core.keep_buckets('p0', %s, %s)", [BUCKETS, both])
    assert "reserved" in refusal.detail["reason"]


def test_reserved_subject_is_found_without_an_entry(tx: Connection) -> None:
    deadline_of(tx, claim())
    (match,) = rows(tx, "find", text=NEAR)
    assert (match["kind"], match["owner_id"], match["seq"]) == ("claim", "bob", None)
