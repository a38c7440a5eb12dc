"""Services and clients on databases that are reached, or set up, in other ways than usual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.deployment.pooler import PGBOUNCER, pooler
from tests.deployment.proxy import Proxy, proxy
from tests.fixtures.database import Server, new_database
from tests.http import conftest
from tests.http.running import make_service, running

owner, record = conftest.owner, conftest.record

POOLERS: dict[str, dict[str, Any]] = {
    "session": {"mode": "session"},
    "transaction": {"mode": "transaction"},
    # Start-up parameters are dropped without a word.
    "lenient": {"mode": "transaction", "ignore_startup_parameters": "options,extra_float_digits"},
}


@pytest.fixture(scope="module")
def module_db(ledger_template: Any, ledger_server: Server) -> Iterator[str]:
    """The address of a database of the module's own that holds a ledger."""
    with new_database(ledger_server, f"TEMPLATE {ledger_template.template_dbname}") as url:
        yield url


@pytest.fixture(scope="module", params=list(POOLERS.values()), ids=list(POOLERS))
def pooled_db(module_db: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of `module_db` through PgBouncer."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    with pooler(module_db, **request.param) as url:
        yield url


@pytest.fixture(scope="module")
def api(pooled_db: str) -> Iterator[httpx.Client]:
    """A client of the service of app1, which reaches its database through PgBouncer."""
    with running(make_service(pooled_db, lock_timeout=1.0)) as client:
        yield client


@pytest.fixture
def silent_proxy(ledger_db: str) -> Iterator[Proxy]:
    """A proxy before a database of the test's own; the test makes it silent."""
    with proxy(ledger_db) as found:
        yield found
        found.forward()


@pytest.fixture
def transaction_pooler() -> Callable[[str], Any]:
    """Runs PgBouncer in transaction mode before a database."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    return lambda url: pooler(url, "transaction")
