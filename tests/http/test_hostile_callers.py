"""Heads and bodies without an end, or too large: refused in words, within bounds, beside others."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ledger_py.http.bodies import MAX_BODY
from ledger_py.serving.protocol import Protocol
from tests.http.running import make_service, serving, wait_until

MIB = 1024 * 1024
_PATIENCE = 60.0

Refusal = tuple[int, str]


@pytest.fixture(scope="module")
def port(module_db: str) -> Iterator[int]:
    """The port of the service of app1 behind the server of `ledger serve`."""
    with serving(make_service(module_db)) as port:
        yield port


class Caller:
    """A connection on which anything may be sent."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_without_end(self, data: bytes, most: int = 256 * MIB) -> int:
        """Send the same again and again until the server closes; return the number of bytes."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < most:
                self.socket.sendall(data)
                sent += len(data)
        return sent

    def read(self) -> bytes:
        """Read until the server closes."""
        found = b""
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(65_536):
                found += part
        return found


@pytest.fixture
def call(port: int) -> Iterator[Callable[[], Caller]]:
    """Connect."""
    with contextlib.ExitStack() as stack:

        def connect() -> Caller:
            caller = Caller(port)
            stack.callback(caller.socket.close)
            return caller

        yield connect


@pytest.fixture
def ordinary(port: int, owner: str) -> Callable[[], int]:
    """Record an entry as an ordinary caller; return the status."""

    def record() -> int:
        entry = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": owner, "amount": 1}
        response = httpx.post(f"http://127.0.0.1:{port}/ledger", json=entry, timeout=_PATIENCE)
        return response.status_code

    return record


def head(path: str = "/ledger/batch", method: str = "POST", **fields: object) -> bytes:
    """A head without the blank line at its end."""
    given = {"Host": "localhost", "Content-Type": "application/json"} | fields
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
    return "\r\n".join(lines).replace("_", "-").encode() + b"\r\n"


# Heads


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (head() + b"X: ", b"x" * 65_536),
        (head(), b"X: x\r\n" * 10_000),
        (b"GET /", b"x" * 65_536),
        (head(Transfer_Encoding="chunked") + b"\r\n0\r\nX: ", b"x" * 65_536),
        (head(Transfer_Encoding="chunked") + b"\r\n1;", b"x" * 65_536),
    ],
    ids=["one field", "many fields", "path", "trailer", "chunk extension"],
)
def test_head_without_end_is_refused(
    call: Callable[[], Caller], ordinary: Callable[[], int], start: bytes, more: bytes
) -> None:
    caller = call()

    caller.send(start + more)
    status = ordinary()
    sent = caller.send_without_end(more)

    assert caller.read().startswith(b"HTTP/1.1 431 ")
    assert status == 201
    # What the service throws away once it has answered, and what the system buffers.
    assert sent <= Protocol.max_discarded + 32 * MIB


def test_head_within_the_limit_is_read(port: int) -> None:
    fields = {f"X-{number}": "x" * 15_000 for number in range(4)}

    accepted = httpx.get(f"http://127.0.0.1:{port}/health/live", headers=fields)
    refused = httpx.get(f"http://127.0.0.1:{port}/health/live", headers=fields | {"X": "x" * 8_000})

    assert (accepted.status_code, refused.status_code) == (200, 431)
    assert refused.text == "The request line and the header fields are too large."


def test_many_requests_sent_at_once_are_no_large_head(call: Callable[[], Caller]) -> None:
    caller = call()
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000 + b"\r\n"

    caller.send((request + b"\r\n") * 299 + request + b"Connection: close\r\n\r\n")

    assert caller.read().count(b"HTTP/1.1 200 OK") == 300


def test_body_in_tiny_chunks_is_read(call: Callable[[], Caller], owner: str) -> None:
    caller = call()
    entry = {
        "owner_id": owner,
        "operation": "CREDIT_ADD",
        "nonce": owner,
        "metadata": {"x": "x" * 9_000},
    }
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in json.dumps(entry).encode())

    caller.send(head("/ledger", Transfer_Encoding="chunked", Connection="close") + b"\r\n")
    caller.send(chunks + b"0\r\n\r\n")

    assert caller.read().startswith(b"HTTP/1.1 201 ")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("head_within", "body_within", "closes_within"):
        monkeypatch.setattr(Protocol, name, 0.2)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET", b"HTTP/1.1 408 "),
        (head(), b"HTTP/1.1 408 "),
        (head(Content_Length=100) + b"\r\n", b"HTTP/1.1 408 "),
        (head("/ledger", Content_Length=100) + b'\r\n{"owner_id": ', b"HTTP/1.1 408 "),
        (head("/ledger", Transfer_Encoding="chunked") + b"\r\n1\r\n", b"HTTP/1.1 408 "),
        (head(Content_Length=7 * MIB) + b"\r\n" + b" " * MIB, b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "a word", "fields", "no body", "half a body", "half a chunk", "a large body"],
)
def test_request_that_does_not_arrive_is_given_up(
    call: Callable[[], Caller], ordinary: Callable[[], int], sent: bytes, answer: bytes
) -> None:
    caller = call()
    caller.send(sent)

    found = caller.read()

    assert found.startswith(answer)
    assert found.count(b"HTTP/1.1") == bool(answer)
    assert ordinary() == 201


@pytest.mark.usefixtures("_impatient")
def test_next_head_must_arrive_as_well(call: Callable[[], Caller]) -> None:
    caller = call()

    caller.send(head("/health/live", "GET") + b"\r\n" + head("/health/live", "GET"))

    assert caller.read().split(b" ")[1::1].count(b"408") == 1


# Bodies over the limit


def by_http_client(url: str, body: bytes, *, chunked: bool, close: bool) -> Refusal:
    address = httpx.URL(url)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_PATIENCE)
    content: Any = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    fields = {"Content-Type": "application/json"} | ({"Connection": "close"} if close else {})
    connection.request("POST", address.path, content if chunked else body, fields)
    response = connection.getresponse()
    return response.status, json.loads(response.read())["code"]


def by_urllib(url: str, body: bytes) -> Refusal:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=_PATIENCE)
    with refused.value as error:
        return error.code, json.loads(error.read())["code"]


def by_httpx(url: str, body: bytes) -> Refusal:
    fields = {"Content-Type": "application/json"}
    response = httpx.post(url, content=body, headers=fields, timeout=_PATIENCE)
    return response.status_code, response.json()["code"]


def by_curl(url: str, body: bytes, *fields: str) -> Refusal:
    given = [argument for field in fields for argument in ("-H", field)]
    found = subprocess.run(
        ["curl", "-sS", *given, "-H", "Content-Type: application/json", "--data-binary", "@-", url],
        input=body,
        capture_output=True,
        check=True,
        timeout=_PATIENCE,
    )
    problem = json.loads(found.stdout)
    return problem["status"], problem["code"]


def by_old_http(url: str, body: bytes) -> Refusal:
    address = httpx.URL(url)
    caller = Caller(address.port or 0)
    start = head(address.path, Content_Length=len(body)).replace(b"HTTP/1.1", b"HTTP/1.0")
    caller.send(start + b"\r\n" + body)
    status, _, problem = caller.read().partition(b"\r\n\r\n")
    caller.socket.close()
    return int(status.split()[1]), json.loads(problem)["code"]


CALLERS: dict[str, Callable[[str, bytes], Refusal]] = {
    "http.client": lambda url, body: by_http_client(url, body, chunked=False, close=False),
    "http.client, chunked": lambda url, body: by_http_client(url, body, chunked=True, close=False),
    "http.client, closing": lambda url, body: by_http_client(url, body, chunked=False, close=True),
    "http.client, chunked, closing": lambda url, body: by_http_client(
        url, body, chunked=True, close=True
    ),
    "urllib": by_urllib,
    "httpx": by_httpx,
    "HTTP/1.0": by_old_http,
}
if shutil.which("curl"):
    CALLERS |= {
        "curl": by_curl,
        "curl, at once": lambda url, body: by_curl(url, body, "Expect:"),
        "curl, chunked": lambda url, body: by_curl(
            url, body, "Expect:", "Transfer-Encoding: chunked"
        ),
        "curl, closing": lambda url, body: by_curl(url, body, "Expect:", "Connection: close"),
    }


@pytest.mark.parametrize("by", CALLERS.values(), ids=CALLERS.keys())
@pytest.mark.parametrize(
    ("path", "size"), [("/ledger/batch", 9), ("/ledger/batch", 64), ("/ledger", 9)]
)
def test_caller_who_sends_too_much_gets_the_answer(
    port: int, by: Callable[[str, bytes], Refusal], path: str, size: int
) -> None:
    refused = by(f"http://127.0.0.1:{port}{path}", b" " * (size * MIB))

    assert refused == (413, "body_too_large")


@pytest.mark.parametrize(
    "path",
    [
        *("/ledger/reversals", "/ledger/holds", "/ledger/holds/h/capture"),
        *("/ledger/holds/h/release", "/ledger/holds/h/extend"),
    ],
)
def test_every_route_with_a_body_answers_who_sends_too_much(port: int, path: str) -> None:
    refused = by_urllib(f"http://127.0.0.1:{port}{path}", b" " * (MAX_BODY + 9 * MIB))

    assert refused == (413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/nothing", (404, "not_found")), ("/health/live", (405, "method_not_allowed"))],
)
def test_other_refusals_reach_who_sends_a_large_body(
    port: int, path: str, expected: Refusal
) -> None:
    assert by_urllib(f"http://127.0.0.1:{port}{path}", b" " * (9 * MIB)) == expected


def test_caller_who_asks_first_is_refused_at_once(call: Callable[[], Caller]) -> None:
    caller = call()

    caller.send(head(Content_Length=9 * MIB, Expect="100-continue") + b"\r\n")

    answer = caller.read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_caller_who_asks_first_may_send_what_is_read(
    call: Callable[[], Caller], owner: str
) -> None:
    caller = call()
    entry = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": owner, "amount": 1}
    body = json.dumps(entry).encode()

    fields = {"Content_Length": len(body), "Expect": "100-continue", "Connection": "close"}
    caller.send(head("/ledger", "POST", **fields) + b"\r\n")
    asked = caller.socket.recv(65_536)
    caller.send(body)

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert caller.read().startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
@pytest.mark.parametrize("path", ["/ledger/batch", "/nothing"])
def test_body_without_end_is_read_within_bounds(
    call: Callable[[], Caller],
    ordinary: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    connection: str,
) -> None:
    monkeypatch.setattr(Protocol, "max_discarded", MIB)
    caller = call()

    caller.send(head(path, Transfer_Encoding="chunked", Connection=connection) + b"\r\n")
    sent = caller.send_without_end(b"10000\r\n" + b" " * 65_536 + b"\r\n")

    assert sent <= 64 * MIB
    assert ordinary() == 201


@pytest.mark.usefixtures("_impatient")
def test_caller_who_is_answered_and_never_ends_is_disconnected(call: Callable[[], Caller]) -> None:
    caller = call()

    caller.send(head("/nothing", Content_Length=100, Connection="close") + b"\r\n")

    assert caller.read().startswith(b"HTTP/1.1 404 ")
    assert caller.send_without_end(b" ") <= 64 * MIB


# Room for large bodies


def batch(owner: str, size: int) -> bytes:
    entry = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": owner, "amount": 1}
    return json.dumps({"entries": [entry]}).encode() + b" " * size


def test_large_bodies_wait_for_each_other_and_small_ones_for_none(
    module_db: str, owner: str
) -> None:
    with serving(make_service(module_db, max_bodies=MIB, pool_timeout=0.5)) as port:
        url = f"http://127.0.0.1:{port}/ledger/batch"
        fields = {"content-type": "application/json"}
        slow = Caller(port)
        slow.send(head(Content_Length=MIB) + b"\r\n" + b" " * (MIB - 1))

        def post(size: int) -> httpx.Response:
            body = batch(owner, size)
            return httpx.post(url, content=body, headers=fields, timeout=_PATIENCE)

        wait_until(lambda: post(200_000).status_code == 503)
        refused = post(200_000)
        small = post(50_000)
        slow.socket.close()
        wait_until(lambda: post(200_000).status_code == 200)

    assert refused.json()["code"] == "database_busy"
    assert int(refused.headers["retry-after"]) > 0
    assert small.status_code == 200
