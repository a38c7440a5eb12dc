"""A service of app1 and a checkout of the reader's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from ledger_py.settings import PROJECT_ROOT
from tests.http.running import make_service, running


@pytest.fixture
def port(ledger_db: str) -> Iterator[str]:
    """The port of a service of app1."""
    with running(make_service(ledger_db)) as client:
        yield str(client.base_url.port)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project."""
    parts = shutil.ignore_patterns(".*", "__pycache__")
    return shutil.copytree(PROJECT_ROOT, tmp_path / "checkout", ignore=parts)


@pytest.fixture
def role(conn: psycopg.Connection[TupleRow]) -> Iterator[str]:
    """The name of a role that a document may make; roles belong to the whole server."""
    name = f"ledger_test_{os.getpid()}_reader"
    yield name
    conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
