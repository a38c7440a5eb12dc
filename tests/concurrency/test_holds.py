"""Concurrent placing, capturing, releasing and expiring of holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from threading import Barrier, Event
from time import perf_counter

import psycopg

from tests.concurrency.callers import all_at_once, connections, outcomes
from tests.sql.calls import (
    Connection,
    balance,
    call,
    entries,
    new_nonce,
    record,
    rows,
    scalar,
    spend,
)
from tests.sql.lifecycle import capture, extend, place, release, reverse, spendable

HOLDS = int(os.environ.get("LEDGER_TEST_HOLD_RACES", "1000"))
"""Number of holds to race for. Set LEDGER_TEST_HOLD_RACES=10000 for a long run."""

HOLDS_PER_ROUND = 20
OWNERS = ("alice", "bob", "carol", "dave")

PLACE = """
    SELECT placed.nonce
    FROM unnest(%s::text[], %s::text[], %s::interval[]) AS wanted (owner_id, nonce, expires_in)
    CROSS JOIN LATERAL ledger.place_hold(
        app => 'app1', owner_id => wanted.owner_id, operation => 'CREDIT_SPEND',
        nonce => wanted.nonce, amount => 10, expires_in => wanted.expires_in
    ) AS placed
"""


def grant(conn: Connection, owner_id: str, amount: int, seconds: float) -> None:
    """Record credits that expire so many seconds after the server begins to record them."""
    conn.execute(
        """
        SELECT ledger.record_entry(
            app => 'app1', owner_id => %s, operation => 'CREDIT_ADD', nonce => %s, amount => %s,
            expires_at => clock_timestamp() + %s * interval '1 second'
        )
        """,
        [owner_id, new_nonce(), amount, seconds],
    )


def test_each_hold_ends_once_by_capture_release_or_expiry(ledger_db: str, conn: Connection) -> None:
    """A sweep, a capture and a release race for each hold around its expiry."""
    for owner_id in OWNERS:
        record(conn, owner_id=owner_id, amount=10_000_000)
        record(conn, owner_id=owner_id, amount=50_000, expires_at="2099-01-01T00:00:00Z")
    granted = 4 * 10_050_000
    random = Random(1)
    won: Counter[str] = Counter()
    sweeps = 0
    lasts = 0.02
    started = perf_counter()

    with connections(ledger_db, 3) as conns, ThreadPoolExecutor(3) as threads:
        for _ in range(HOLDS // HOLDS_PER_ROUND):
            nonces = [new_nonce() for _ in range(HOLDS_PER_ROUND)]
            owners = [random.choice(OWNERS) for _ in nonces]
            lives = [f"{1 + int(random.random() * 2e6 * lasts)} microseconds" for _ in nonces]
            # Under some of the holds, credits expire during the race as well.
            for owner_id in OWNERS:
                grant(conn, owner_id, 7, lasts * 2 * random.random() + 0.05)
                granted += 7
            conn.execute(PLACE, [owners, nonces, lives])
            round_started = perf_counter()
            together, ended = Barrier(3), Event()
            enders = [
                threads.submit(end, each, nonces, random.random(), together)
                for end, each in ((end_by_capture, conns[0]), (end_by_release, conns[1]))
            ]
            sweeper = threads.submit(sweep_until, conns[2], ended, together)
            wins = [ender.result() for ender in enders]
            ended.set()
            sweeps += sweeper.result()
            assert not wins[0] & wins[1]
            won.update(captured=len(wins[0]), released=len(wins[1]))
            lasts = perf_counter() - round_started

    conn.execute(
        "SELECT pg_sleep_until(max(next_due_at)) FROM ("
        "SELECT expires_at FROM ledger.holds UNION SELECT expires_at FROM ledger.lots"
        ") AS due (next_due_at) WHERE next_due_at < '2099-01-01T00:00:00Z'"
    )
    while call(conn, "expire_credits")["expire_credits"]:
        pass
    seconds = perf_counter() - started
    found: Counter[str] = Counter(
        dict(conn.execute("SELECT status, count(*) FROM ledger.holds GROUP BY 1"))
    )
    print(f"{HOLDS} holds in {seconds:.1f} s, {sweeps} sweeps: {dict(found)}")  # noqa: T201
    assert found.total() == HOLDS
    assert won == Counter({status: found[status] for status in ("captured", "released")})
    captures = scalar(conn, "SELECT count(*) FROM ledger.entries WHERE hold_nonce IS NOT NULL")
    assert captures == found["captured"]
    expired = scalar(conn, "SELECT -sum(amount) FROM ledger.entries WHERE operation = 'EXPIRY'")
    left = sum(spendable(conn, owner_id)[2] for owner_id in OWNERS)
    assert left == granted - 10 * found["captured"] - (expired or 0)


def end_by_capture(
    conn: Connection, nonces: list[str], start: float, together: Barrier
) -> set[str]:
    """Capture the holds in sequence from a given position, and return those that were captured."""
    return _end(lambda nonce: capture(conn, nonce), nonces, start, together)


def end_by_release(
    conn: Connection, nonces: list[str], start: float, together: Barrier
) -> set[str]:
    """Release the holds in sequence from a given position, and return those that were released."""
    return _end(lambda nonce: release(conn, nonce), nonces, start, together)


def _end(
    end: Callable[[str], dict[str, object]], nonces: list[str], start: float, together: Barrier
) -> set[str]:
    first = int(start * len(nonces)) if start < 0.5 else 0
    won = set()
    together.wait()
    for nonce in nonces[first:] + nonces[:first]:
        try:
            end(nonce)
            won.add(nonce)
        except psycopg.Error as error:
            if error.sqlstate != "LG304":
                raise
    return won


def sweep_until(conn: Connection, ended: Event, together: Barrier) -> int:
    """Settle what is due in a loop, and return the number of sweeps."""
    count = 0
    together.wait()
    while not ended.is_set():
        call(conn, "expire_credits")
        count += 1
    return count


def test_200_callers_hold_exactly_100_available_credits(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    answers = all_at_once(ledger_db, [partial(place, amount=1)] * 200)
    assert outcomes(answers) == {"recorded": 100, "LG301": 100}
    assert spendable(conn) == (100, 100, 0)


def test_holds_and_spends_together_take_exactly_what_is_available(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=50)
    record(conn, amount=50, expires_at="2099-01-01T00:00:00Z")
    answers = all_at_once(ledger_db, [partial(place, amount=1), partial(spend, amount=1)] * 100)
    assert outcomes(answers) == {"recorded": 100, "LG301": 100}
    assert spendable(conn)[2] == 0


def test_50_callers_with_one_nonce_place_one_hold(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    answers = all_at_once(ledger_db, [partial(place, amount=10, nonce="h")] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}
    assert spendable(conn) == (100, 10, 90)


def test_partial_captures_together_capture_exactly_what_was_held(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=100)
    place(conn, 20, nonce="h")
    answers = all_at_once(ledger_db, [partial(capture, hold_nonce="h", amount=1, final=False)] * 50)
    assert outcomes(answers) == {"recorded": 20, "LG304": 30}
    assert spendable(conn) == (80, 0, 80)


def test_50_final_captures_record_one_entry(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    place(conn, 20, nonce="h")
    answers = all_at_once(ledger_db, [partial(capture, hold_nonce="h", amount=5)] * 50)
    assert outcomes(answers) == {"recorded": 1, "LG304": 49}
    assert spendable(conn) == (95, 0, 95)


def test_50_captures_with_one_nonce_record_one_entry(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    place(conn, 20, nonce="h")
    again = partial(capture, hold_nonce="h", amount=5, nonce="c", final=False)
    answers = all_at_once(ledger_db, [again] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}
    assert spendable(conn) == (95, 15, 80)


def test_50_releases_end_the_hold_once(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    place(conn, 20, nonce="h")
    answers = all_at_once(ledger_db, [partial(release, hold_nonce="h")] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}
    assert spendable(conn) == (100, 0, 100)


def test_concurrent_extensions_and_holds_do_not_prevent_captures(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=100)
    place(conn, 20, nonce="h")
    kinds = [
        partial(extend, hold_nonce="h", expires_in="1 hour"),
        partial(capture, hold_nonce="h", amount=1, final=False),
        partial(place, amount=1),
    ]
    answers = all_at_once(ledger_db, kinds * 20)
    # The twentieth capture ends the hold; extensions after it are refused.
    assert outcomes(answers).keys() <= {"recorded", "LG304"}
    assert all(isinstance(answer, dict) for answer in answers[1::3])
    assert balance(conn) == 80


def test_reversals_together_never_exceed_the_original(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=30)
    spend(conn, 20, nonce="s")
    answers = all_at_once(ledger_db, [partial(reverse, original_nonce="s", amount=1)] * 50)
    assert outcomes(answers) == {"recorded": 20, "LG305": 30}
    assert balance(conn) == 30


def test_reversals_and_spends_together_take_exactly_what_is_available(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=50, nonce="bought", expires_at="2099-01-01T00:00:00Z")
    taking_back = partial(reverse, original_nonce="bought", amount=1)
    answers = all_at_once(ledger_db, [taking_back, partial(spend, amount=1)] * 50)
    assert outcomes(answers) == {"recorded": 50, "LG301": 50}
    assert balance(conn) == 0


def test_one_nonce_for_a_hold_and_an_entry_at_once_is_used_by_one(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=1000)
    for _ in range(20):
        nonce = new_nonce()
        calls = [
            partial(place, amount=1, nonce=nonce),
            partial(spend, amount=1, nonce=nonce),
        ]
        assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 1, "LG201": 1}


def test_concurrent_sweeps_record_each_expiry_once(ledger_db: str, conn: Connection) -> None:
    until = scalar(conn, "SELECT clock_timestamp() + interval '3 seconds'")
    owners = [f"owner-{n:02}" for n in range(40)]
    for owner_id in owners:
        record(conn, owner_id=owner_id, amount=5, expires_at=until)
    conn.execute("SELECT pg_sleep_until(%s)", [until])
    with connections(ledger_db, 4) as conns, ThreadPoolExecutor(4) as threads:
        together = Barrier(4)

        def sweep(each: Connection) -> None:
            together.wait()
            rows(each, "expire_credits")

        list(threads.map(sweep, conns))
    for owner_id in owners:
        assert [entry["amount"] for entry in entries(conn, owner_id)] == [5, -5]
