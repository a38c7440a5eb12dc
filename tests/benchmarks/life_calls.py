"""Single calls of ordinary life, for the owners of `life.prepare_owners`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, TypeAlias

import psycopg

from tests.benchmarks.life import AGAIN, GROUP_SIZE, LATER
from tests.benchmarks.loading import owner_number
from tests.benchmarks.measuring import Contender
from tests.benchmarks.sessions import calling, schedstat
from tests.benchmarks.workbench import Database, Workbench

__all__ = ("LIFE_CALLS", "life_calls")

Statement: TypeAlias = tuple[bytes, dict[str, Any]]

_RECORD: Final = b"""SELECT * FROM ledger.record_entry(
    app => 'app1', owner_id => %(owner)s, operation => %(operation)s, nonce => %(nonce)s,
    amount => %(amount)s)"""
_RECORD_UNTIL: Final = _RECORD[:-1] + b", expires_at => %(expires_at)s)"
_HOLD: Final = b"""SELECT * FROM ledger.place_hold(
    app => 'app1', owner_id => %(owner)s, operation => %(operation)s, nonce => %(nonce)s,
    amount => %(amount)s)"""
_CAPTURE: Final = b"""SELECT * FROM ledger.capture_hold(
    app => 'app1', hold_nonce => %(hold_nonce)s, nonce => %(nonce)s)"""

_NUMBERS: Final = itertools.count(1)


def _plain_owner() -> str:
    return str(owner_number(next(_NUMBERS) % GROUP_SIZE))


def _one_of(group: str) -> str:
    return f"{group}{next(_NUMBERS) % GROUP_SIZE}"


def _nonce() -> str:
    return f"n{next(_NUMBERS)}"


def _spend(owner: Callable[[], str]) -> Iterator[Statement]:
    request = {"owner": owner(), "operation": "CREDIT_SPEND", "nonce": _nonce(), "amount": -1}
    yield _RECORD, request


def _expiring() -> Iterator[Statement]:
    request = {"owner": _one_of("growing-"), "operation": "CREDIT_ADD", "nonce": _nonce()}
    yield _RECORD_UNTIL, request | {"amount": 5, "expires_at": LATER}


def _new(group: str, operation: str, amount: int | None) -> Iterator[Statement]:
    nonce = _nonce()
    request = {"owner": f"{group}{nonce}", "operation": operation, "nonce": nonce}
    yield _RECORD, request | {"amount": amount}


def _retry() -> Iterator[Statement]:
    owner = _plain_owner()
    request = {"owner": owner, "operation": "CREDIT_SPEND", "nonce": f"{AGAIN}{owner}"}
    yield _RECORD, request | {"amount": -1}


def _hold_and_capture() -> Iterator[Statement]:
    nonce = _nonce()
    request = {"owner": _one_of("lot-"), "operation": "CREDIT_SPEND", "nonce": nonce, "amount": 1}
    yield _HOLD, request
    yield _CAPTURE, {"hold_nonce": nonce, "nonce": _nonce()}


_NOTHING: Final = b"SELECT %(nonce)s::text"

_FLOORS: Final[dict[str, Callable[[], Iterator[Statement]]]] = {
    "plain": partial(_spend, _plain_owner),
    "nothing": lambda: iter([(_NOTHING, {"nonce": _nonce()})]),
}

LIFE_CALLS: Final[dict[str, tuple[Callable[[], Iterator[Statement]], float]]] = {
    "spend, 1 lot": (partial(_spend, partial(_one_of, "lot-")), 1.5),
    "spend, with a budget": (partial(_spend, partial(_one_of, "budget-")), 1.3),
    "spend, with an allowance": (partial(_spend, partial(_one_of, "allowance-")), 1.5),
    "spend, 5 lots": (partial(_spend, partial(_one_of, "lots-")), 1.5),
    "spend, 2 lots and a hold": (partial(_spend, partial(_one_of, "held-")), 1.6),
    "credit that expires": (_expiring, 1.5),
    "claim, new owner": (partial(_new, "claims-", "SIGNUP_CREDIT", None), 1.8),
    "new owner": (partial(_new, "comes-", "CREDIT_ADD", 5), 1.3),
    "retry": (_retry, 0.6),
    "hold and capture": (_hold_and_capture, 3.3),
}
"""By name: the statements of a call, each a transaction, and the processor time to reach, in times
of a plain call."""


@contextmanager
def life_calls(bench: Workbench, database: Database) -> Iterator[dict[str, Contender]]:
    """Provide a contender for each of `LIFE_CALLS`, for a plain call, and for none at all.

    Yields:
        The contenders by name. Their processor time is that of the server's process for the
        connection, of which each has its own.
    """
    calls = _FLOORS | {name: call for name, (call, _) in LIFE_CALLS.items()}
    with ExitStack() as stack:
        contenders = {}
        for name, call in calls.items():
            conn = stack.enter_context(
                psycopg.connect(database.app_url, autocommit=True, prepare_threshold=0)
            )
            process = schedstat(conn.info.backend_pid)
            contenders[name] = calling(bench, partial(_make, conn, call), partial(list, [process]))
        yield contenders


def _make(conn: psycopg.Connection[Any], call: Callable[[], Iterator[Statement]]) -> int:
    for statement, parameters in call():
        conn.execute(statement, parameters)
    return 1
