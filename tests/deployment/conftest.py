"""Services and clients on databases that are reached, or set up, in other ways than usual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.deployment.pooler import NEWER_PGBOUNCER, PGBOUNCER, pooler
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
    "newer": {"mode": "transaction", "newer": True},
    "keeping": {"mode": "transaction", "newer": True, "max_prepared_statements": 100},
}


@pytest.fixture(scope="module")
def module_db(ledger_template: Any, ledger_server: Server) -> Iterator[str]:
    """The address of a database of the module's own that holds a ledger."""
    with new_database(ledger_server, f"TEMPLATE {ledger_template.template_dbname}") as url:
        yield url


@pytest.fixture(scope="module", params=list(POOLERS.values()), ids=list(POOLERS))
def pooling(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of PgBouncer."""
    options: dict[str, Any] = request.param
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    if options.get("newer") and NEWER_PGBOUNCER is None:
        pytest.skip("no PgBouncer 1.21 or later is installed; .ci/pgbouncer builds one")
    return options


@pytest.fixture(scope="module")
def keeps_prepared(pooling: dict[str, Any]) -> bool:
    """True if PgBouncer keeps the prepared statements of its clients apart."""
    return "max_prepared_statements" in pooling


@pytest.fixture(scope="module")
def pooled_db(module_db: str, pooling: dict[str, Any]) -> Iterator[str]:
    """The address of `module_db` through PgBouncer."""
    with pooler(module_db, **pooling) as url:
        yield url


@pytest.fixture(scope="module")
def api(pooled_db: str, keeps_prepared: bool) -> Iterator[httpx.Client]:
    """A client of the service of app1, which reaches its database through PgBouncer."""
    prepared = "on" if keeps_prepared else "auto"
    service = make_service(pooled_db, lock_timeout=1.0, prepared_statements=prepared)
    with running(service) as client:
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
