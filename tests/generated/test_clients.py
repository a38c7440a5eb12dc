"""Clients that are generated from the OpenAPI document can call every operation of a service."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar

from ledger_py.http.routes import ROUTES
from ledger_py.settings import PROJECT_ROOT
from tests.generated.tools import CLIENTS, NODE_MODULES, PYTHON, run
from tests.http.running import make_service, running

needs_npm = pytest.mark.skipif(
    not NODE_MODULES.exists(), reason="npm could not install its packages"
)


class Observed:
    """A service that notes which requests it gets.

    Attributes:
        requests: Their methods and addresses, as they were sent.
    """

    def __init__(self, service: Litestar) -> None:
        self.requests: set[tuple[str, str]] = set()
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.requests.add((scope["method"], scope["raw_path"].decode()))
        await self._service(scope, receive, send)

    def not_called(self) -> list[str]:
        """List the operations that no request was for."""
        return [
            route.name
            for route in ROUTES
            if not any(
                method == route.method
                and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path)
                for method, path in self.requests
            )
        ]


@pytest.fixture
def observed(ledger_db: str) -> Observed:
    return Observed(make_service(ledger_db))


@pytest.fixture
def service(observed: Observed) -> Iterator[httpx.Client]:
    with running(observed) as client:
        yield client


@needs_npm
def test_generated_typescript_client_calls_every_operation(
    service: httpx.Client, observed: Observed, tmp_path: Path
) -> None:
    for name in ("package.json", "program.ts", "tsconfig.json"):
        shutil.copy(CLIENTS / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)

    run(*_documented("npx openapi-typescript", service), folder=tmp_path)
    run("tsc", folder=tmp_path)
    run("node", "built/program.js", str(service.base_url), folder=tmp_path)

    assert observed.not_called() == []


def test_generated_python_client_calls_every_operation(
    service: httpx.Client, observed: Observed, tmp_path: Path
) -> None:
    shutil.copy(CLIENTS / "program.py", tmp_path)

    run(
        *_documented("openapi-python-client generate", service),
        "--fail-on-warning",
        folder=tmp_path,
    )
    # The generated package itself is not strict: its errors are those of the generator.
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent"),
        *("--config-file", "", "--python-executable", PYTHON, "program.py"),
        folder=tmp_path,
    )
    run(PYTHON, "program.py", str(service.base_url), folder=tmp_path)

    assert observed.not_called() == []


def _documented(program: str, service: httpx.Client) -> list[str]:
    """Find the command by which the document generates a client, for this service."""
    text = (PROJECT_ROOT / "docs" / "how-to" / "http.md").read_text(encoding="utf-8")
    (command,) = re.findall(rf"(?m)^{program} .*$", text)
    return str(command).replace("http://127.0.0.1:8000/", str(service.base_url.join("/"))).split()
