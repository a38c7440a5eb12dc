"""A service and its database for each module; each test uses an owner of its own.

Tests of what happens between a service and its database have a recorder and a database each.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psycopg
import pytest

from tests.fixtures.database import Server, databases_of, new_database
from tests.http.gathered import Records
from tests.http.running import make_service, running
from tests.sql.calls import scalar

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def module_db(ledger_server: Server, copied: str) -> Iterator[str]:
    """The address of a database of the module's own that holds a ledger."""
    with new_database(ledger_server, copied) as url:
        yield url


@pytest.fixture(scope="module")
def api(module_db: str) -> Iterator[httpx.Client]:
    """A client of the service of app1."""
    with running(make_service(module_db)) as client:
        yield client


@pytest.fixture(scope="module")
def count_entries(module_db: str) -> Iterator[Callable[[], int]]:
    """Tell how many entries the ledger has."""
    with ExitStack() as stack:
        conns = [
            stack.enter_context(psycopg.connect(url, autocommit=True))
            for url in databases_of(module_db)
        ]
        yield lambda: sum(scalar(conn, "SELECT count(*) FROM ledger.entries") for conn in conns)


@pytest.fixture
def owner() -> str:
    """An owner that no other test uses."""
    return f"owner-{next(_NUMBERS)}"


@pytest.fixture
def record(api: httpx.Client, owner: str) -> Callable[..., httpx.Response]:
    """Record an entry of the test's owner; keyword arguments are fields of the request."""

    def post(operation: str = "CREDIT_ADD", **fields: Any) -> httpx.Response:
        request = {"owner_id": owner, "operation": operation, "nonce": f"nonce-{next(_NUMBERS)}"}
        return api.post("/ledger", json=request | fields)

    return post


@pytest.fixture
async def records(ledger_db: str) -> AsyncIterator[Records]:
    """A recorder on a database of the test's own."""
    records = Records()
    await records.open(ledger_db)
    yield records
    await records.close()
