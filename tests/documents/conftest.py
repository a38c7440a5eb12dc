"""A database, a checkout and a service for the reader of a document."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from ledger_py.settings import PROJECT_ROOT
from tests.documents.examples import Reader, examples_of, programs_of
from tests.documents.tcp import over_tcp
from tests.http.running import make_service, running

NODE_MODULES = PROJECT_ROOT / ".venv/npm/node_modules"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-examples",
        action="store_true",
        help="Rewrite outputs in the documents that are not the actual ones.",
    )


@pytest.fixture
def read(
    ledger_db: str, conn: psycopg.Connection[TupleRow], tmp_path: Path
) -> Iterator[Callable[..., Reader]]:
    """Make a reader of a document, which is given as text; options go to the reader."""
    roles: list[str] = []
    with ExitStack() as services:

        def reader(document: str, *, curl: bool | None = None) -> Reader:
            instead = {**_own_roles(document), **_own_ports(document), **_this_month()}
            roles.extend(_own_roles(document).values())
            if ":8000" in document:
                service = services.enter_context(running(make_service(ledger_db)))
                instead[":8000"] = f":{service.base_url.port}"
            root, settings = _checkout(tmp_path), {}
            programs = programs_of(examples_of(document))
            if "node" in programs:
                _skip_without("node", NODE_MODULES / "pg")
                (root / "node_modules").symlink_to(NODE_MODULES)
            if "java" in programs:
                _skip_without("java", Path("/usr/share/java/postgresql.jar"))
                server = services.enter_context(over_tcp(ledger_db))
                settings["JDBC_URL"] = f"jdbc:postgresql://{server}"
            return Reader(ledger_db, root=root, instead=instead, curl=curl, settings=settings)

        yield reader
    for role in roles:
        conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _skip_without(program: str, file: Path) -> None:
    if not shutil.which(program) or not file.exists():
        pytest.skip(f"{program} or {file} is not on this machine")


def _own_roles(document: str) -> Mapping[str, str]:
    """Names for the roles that a document makes: roles belong to the whole server."""
    made = re.findall(r"^CREATE ROLE (\w+)", document, re.MULTILINE)
    return {role: f"ledger_test_{os.getpid()}_{role}" for role in made}


def _own_ports(document: str) -> Mapping[str, str]:
    """Free ports for the services that a document starts."""
    ports = set(re.findall(r"^\$ .* serve .*--port (\d+)", document, re.MULTILINE))
    with ExitStack() as sockets:
        taken = {
            port: sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for port in ports
        }
        return {port: str(one.getsockname()[1]) for port, one in taken.items()}


def _this_month() -> Mapping[str, str]:
    """The documents were written in November 2025; the months since then move with the clock."""
    months = [datetime.now(UTC).replace(day=1)]
    for _ in range(2):
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    told = ("2025-11", "2025-12", "2026-01")
    # The last month first: the month put in its place could be one that is replaced in turn.
    return {old: f"{new:%Y-%m}" for old, new in reversed(list(zip(told, months, strict=True)))}


def _checkout(folder: Path) -> Path:
    # With its byte code, or each document would compile all that its commands load.
    parts = shutil.ignore_patterns(".*", "build")
    return shutil.copytree(PROJECT_ROOT, folder / "checkout", ignore=parts)
