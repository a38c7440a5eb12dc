"""Requests as other servers than uvicorn may pass them on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar

from ledger_py.http.feed import ChangeFeed
from tests.http.running import make_service

pytestmark = pytest.mark.anyio

Message = dict[str, Any]

JSON = [(b"content-type", b"application/json")]
ENTRY = {"owner_id": "alice/ü", "operation": "CREDIT_ADD", "nonce": "n", "amount": 5}
HOLD = {"owner_id": "alice/ü", "operation": "CREDIT_SPEND", "nonce": "job", "amount": 3}


@asynccontextmanager
async def started(service: Litestar) -> AsyncIterator[Litestar]:
    """Start a service, and stop it in the end, as a server does."""
    to_service: asyncio.Queue[Message] = asyncio.Queue()
    from_service: asyncio.Queue[Message] = asyncio.Queue()
    scope: Any = {"type": "lifespan", "asgi": {"version": "3.0"}}
    to_service.put_nowait({"type": "lifespan.startup"})
    task = asyncio.create_task(service(scope, to_service.get, from_service.put))  # type: ignore[arg-type]
    assert await from_service.get() == {"type": "lifespan.startup.complete"}
    yield service
    to_service.put_nowait({"type": "lifespan.shutdown"})
    await task


def scope_of(method: str, path: str, **keys: Any) -> Any:
    """Make the scope of a request with the required keys of ASGI, and those that are given."""
    required = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"}
    return required | {"method": method, "path": path, "query_string": b"", "headers": []} | keys


async def ask(
    service: Litestar, method: str, path: str, *messages: Message, **optional: Any
) -> tuple[int, Any]:
    """Send a request with the required keys of ASGI; return the status and the JSON.

    Args:
        service: The service.
        method: The HTTP method.
        path: The path, decoded.
        messages: The messages with the body.
        optional: Optional keys of the scope.
    """
    scope = scope_of(method, path, headers=JSON if messages else [], **optional)
    waiting = list(messages or [{"type": "http.request"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await service(scope, receive, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], json.loads(sent[1]["body"])


def body(content: Any) -> Message:
    return {"type": "http.request", "body": json.dumps(content).encode()}


async def test_optional_keys_may_be_missing(ledger_db: str) -> None:
    async with started(make_service(ledger_db)) as service:
        recorded = await ask(service, "POST", "/ledger", body(ENTRY))
        in_pieces = await ask(
            service,
            "POST",
            "/ledger",
            {"type": "http.request", "more_body": True},
            body(ENTRY) | {"more_body": True},
            {"type": "http.request"},
        )
        held = await ask(service, "POST", "/ledger/holds", body(HOLD))
        released = await ask(service, "POST", "/ledger/holds/job/release")
        read = await ask(service, "GET", "/ledger/alicé 100%")
        missing = await ask(service, "GET", "/nothing")
        page = await ask(service, "GET", "/openapi.json")

    assert (recorded[0], in_pieces[0], held[0], released[0]) == (201, 200, 201, 200)
    assert in_pieces[1] == recorded[1] | {"replayed": True}
    assert released[1]["status"] == "released"
    assert (read[0], read[1]["owner_id"]) == (200, "alicé 100%")
    assert (missing[0], missing[1]["code"]) == (404, "not_found")
    assert page[0] == 200


async def test_braces_in_a_path_are_an_owner(ledger_db: str) -> None:
    async with started(make_service(ledger_db)) as service:
        path = "/ledger/{owner_id}"
        status, balance = await ask(service, "GET", path, raw_path=path.encode())

    assert (status, balance["owner_id"]) == (200, "{owner_id}")


async def test_error_after_the_answer_has_begun_is_left_to_the_server(
    ledger_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("broken")

    async def listen(*_: object) -> AsyncIterator[bytes]:
        return broken()

    monkeypatch.setattr(ChangeFeed, "listen", listen)
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async with started(make_service(ledger_db)) as service:
        scope = scope_of("GET", "/events")
        with pytest.RaisesGroup(RuntimeError):
            await service(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]

    assert sent == ["http.response.start", "http.response.body"]
