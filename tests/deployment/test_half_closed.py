"""Clients that close their side of the connection after their request."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.deployment.serving import Service, serving
from tests.http.running import wait_until
from tests.sql.calls import Connection, record, scalar

POST = b"POST /ledger HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
ENTRY = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n"}
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def service(ledger_db: str) -> Iterator[Service]:
    with serving(DATABASE_URL=ledger_db) as service:
        yield service


@contextmanager
def half_closed(service: Service, *sent: bytes) -> Iterator[socket.socket]:
    """Send bytes, each piece by itself, and close this side."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        for piece in sent:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        yield client


def read(client: socket.socket) -> bytes:
    """Read until the server closes its side."""
    found = b""
    while more := client.recv(65536):
        found += more
    return found


def post(entry: dict[str, Any]) -> bytes:
    body = json.dumps(entry).encode()
    return POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def test_request_is_answered(service: Service) -> None:
    with half_closed(service, post(ENTRY)) as client:
        answer = read(client)

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["balance"] == 10


def test_several_requests_are_answered_in_order(service: Service) -> None:
    requests = [post(ENTRY | {"nonce": f"n-{number}"}) for number in range(3)]
    with half_closed(service, b"".join(requests)) as client:
        answers = read(client)

    assert answers.count(b"HTTP/1.1 201 ") == 3
    assert re.findall(rb'"nonce":"(n-\d)"', answers) == [b"n-0", b"n-1", b"n-2"]


def test_request_is_answered_though_another_has_begun(service: Service) -> None:
    with half_closed(service, post(ENTRY) + POST[:20]) as client:
        answers = read(client)

    assert answers.startswith(b"HTTP/1.1 201 ")
    assert answers.count(b"HTTP/1.1") == 1


def test_large_request_is_answered(service: Service) -> None:
    large = post(ENTRY | {"metadata": {"x": "y" * 16_000}})
    assert len(large) > 16_000
    with half_closed(service, large) as client:
        assert read(client).startswith(b"HTTP/1.1 201 ")


def test_idle_connection_is_closed(service: Service) -> None:
    with half_closed(service) as client:
        assert read(client) == b""


def test_request_that_ends_too_soon_is_not_answered(service: Service, conn: Connection) -> None:
    with half_closed(service, post(ENTRY)[:-1]) as client:
        assert read(client) == b""
    assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 0


def test_request_that_has_to_wait_gives_up_its_place(
    service: Service, ledger_db: str, conn: Connection
) -> None:
    """It could as well have hung up."""
    record(conn)
    with psycopg.connect(ledger_db) as blocker:
        blocker.execute("SELECT FROM ledger.accounts FOR UPDATE")
        with half_closed(service, post(ENTRY)) as client:
            wait_until(lambda: scalar(conn, WAITING) > 0)
            assert read(client) == b""
            assert scalar(blocker, "SELECT count(*) FROM ledger.entries") == 1


def test_stream_of_a_listener_that_closes_its_side_ends(service: Service) -> None:
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"retry: 1000" in client.recv(65536) + client.recv(65536)
        client.shutdown(socket.SHUT_WR)
        read(client)
