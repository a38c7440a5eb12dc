"""Pages of other sites, which a browser on this machine may show, cannot reach the ledger."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import httpx
import pytest

from ledger_py.http.guard import RequestGuard
from ledger_py.http.problems import Problem
from ledger_py.settings import Settings, SettingsError
from tests.deployment.serving import serving
from tests.http.problems import assert_problem
from tests.http.running import make_service, running

_NUMBERS = itertools.count(1)

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def public(module_db: str) -> Iterator[httpx.Client]:
    """A client of a service with names of its own."""
    hosts = ("ledger.example.org", "*.internal", "ledger.test:8443")
    with running(make_service(module_db, hosts=hosts)) as client:
        yield client


def record(api: httpx.Client, **headers: str) -> httpx.Response:
    entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": f"entry-{next(_NUMBERS)}"}
    return api.post("/ledger", json=entry, headers=headers)


@pytest.fixture
def hold(api: httpx.Client) -> str:
    """The nonce of an open hold."""
    record(api)
    nonce = f"hold-{next(_NUMBERS)}"
    body = {"owner_id": "alice", "operation": "CREDIT_SPEND", "nonce": nonce, "amount": 1}
    assert api.post("/ledger/holds", json=body).status_code == 201
    return nonce


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:1", "localhost.:8000", "app1.localhost:8000"),
        *("127.0.0.1", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"),
    ],
)
def test_loopback_is_served(api: httpx.Client, host: str) -> None:
    assert api.get("/ledger/alice", headers={"Host": host}).status_code == 200
    assert record(api, Host=host).status_code == 201


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("evil.example#localhost", "localhost@evil.example", "localhost, evil.example", "", "ü"),
        *("10.0.0.1", "[2001:db8::1]:8000", "0.0.0.0", "notlocalhost", ".localhost.", "[::1"),
    ],
)
@pytest.mark.parametrize("path", ["/ledger/alice", "/docs", "/nothing", "/health/ready"])
def test_other_hosts_are_refused(api: httpx.Client, host: str, path: str) -> None:
    headers = [(b"Host", host.encode())]

    assert_problem(api.get(path, headers=headers), 421, "unknown_host")
    assert_problem(api.post(path, headers=headers, json={}), 421, "unknown_host")


def test_host_that_is_refused_records_nothing(
    api: httpx.Client, count_entries: Callable[[], int]
) -> None:
    before = count_entries()

    assert_problem(record(api, Host="evil.example"), 421, "unknown_host")
    assert count_entries() == before


@pytest.mark.parametrize(("server", "served"), [("testserver.local", True), ("127.0.0.1", False)])
def test_name_that_the_server_itself_states_is_served(server: str, served: bool) -> None:
    """As in the test clients of frameworks. Real servers state addresses."""
    scope: Any = {"method": "GET", "headers": [], "server": (server, 80)}
    fields = {b"host": b"testserver.local"}
    with nullcontext() if served else pytest.raises(Problem):
        RequestGuard(Settings()).check(scope, fields)


def test_header_that_is_checked_must_not_be_given_twice(api: httpx.Client) -> None:
    here = str(api.base_url).rstrip("/")
    origins = [("Origin", "https://evil.example"), ("Origin", here)]

    assert_problem(api.post("/ledger", headers=origins, json={}), 400, "bad_request")


def test_request_of_http_1_0_needs_no_host(api: httpx.Client) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 0)) as plain:
        plain.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert plain.recv(1_000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("ledger.example.org", True),
        ("Ledger.Example.Org:443", True),
        ("a.internal:8000", True),
        ("a.b.internal", True),
        ("ledger.test:8443", True),
        ("127.0.0.1", True),
        ("internal", False),
        ("a.ledger.example.org", False),
        ("ledger.test", False),
        ("ledger.test:80", False),
        ("evilinternal", False),
    ],
)
def test_hosts_of_the_settings_are_served(public: httpx.Client, host: str, served: bool) -> None:
    response = public.get("/ledger/alice", headers={"Host": host})

    assert response.status_code == (200 if served else 421)


def test_any_host_is_served_if_the_settings_say_so(module_db: str) -> None:
    with running(make_service(module_db, hosts=("*",))) as api:
        assert record(api, Host="anything.example:1").status_code == 201
        foreign = {"Host": "anything.example", "Origin": "https://evil.example"}
        assert_problem(record(api, **foreign), 403, "cross_origin")


def test_name_and_address_that_a_service_listens_on_are_served(ledger_db: str) -> None:
    with serving("--host", "0.0.0.0", "--workers", "2", DATABASE_URL=ledger_db) as service:
        port = service.url.rpartition(":")[2]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as api:
            assert record(api, Host=f"0.0.0.0:{port}").status_code == 201
            assert_problem(record(api, Host="evil.example"), 421, "unknown_host")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("a.example, *.B.example:8443", ("a.example", "*.b.example:8443")),
        ("[::1]:80", ("[::1]:80",)),
        ("*", ("*",)),
        ("a b", ("a", "b")),
        ("", ()),
    ],
)
def test_hosts_are_a_list(given: str, found: tuple[str, ...]) -> None:
    assert Settings.from_environment({"LEDGER_HOSTS": given}).hosts == found


@pytest.mark.parametrize("given", ["https://a.example", "a.example/x", "a.*", "a:b", "a;b"])
def test_host_must_be_a_plain_name(given: str) -> None:
    with pytest.raises(SettingsError, match="LEDGER_HOSTS: must be names"):
        Settings.from_environment({"LEDGER_HOSTS": given})


FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "another name of this machine": {"Origin": "http://localhost"},
    "a sandboxed page, or a file": {"Origin": "null"},
    "nothing": {"Origin": ""},
    "another site, says the browser": {"Sec-Fetch-Site": "cross-site"},
    "another port, says the browser": {"Sec-Fetch-Site": "same-site"},
    "something unknown": {"Sec-Fetch-Site": "new"},
    "both": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a site, reloaded": {"Sec-Fetch-Site": "none", "Origin": "https://evil.example"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json"])
def test_release_from_another_page_is_refused(
    api: httpx.Client, hold: str, headers: dict[str, str], content_type: str | None
) -> None:
    if content_type is not None:
        headers = headers | {"Content-Type": content_type}

    response = api.post(f"/ledger/holds/{hold}/release", headers=headers)

    assert_problem(response, 403, "cross_origin")
    assert api.get("/ledger/alice/holds").json()["holds"][0]["status"] == "open"


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_no_address_takes_what_another_page_writes(
    api: httpx.Client, headers: dict[str, str]
) -> None:
    for path, methods in api.get("/openapi.json").json()["paths"].items():
        for method in methods.keys() - {"get"}:
            response = api.request(method, path, headers=headers, json={})
            assert_problem(response, 403, "cross_origin")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_empty_body_of_a_form_is_refused_whoever_sends_it(
    api: httpx.Client, hold: str, content_type: str
) -> None:
    """Old browsers send neither Origin nor Sec-Fetch-Site with a form."""
    response = api.post(f"/ledger/holds/{hold}/release", headers={"Content-Type": content_type})

    assert_problem(response, 415, "unsupported_media_type", field="Content-Type")


def test_own_pages_and_programs_may_write(api: httpx.Client, hold: str) -> None:
    here = str(api.base_url).rstrip("/")
    allowed: list[dict[str, str]] = [
        {"Origin": here},
        {"Origin": here, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://localhost", "Host": "localhost"},
        {},
    ]
    for headers in allowed:
        assert record(api, **headers).status_code == 201
        released = api.post(f"/ledger/holds/{hold}/release", headers=headers)
        assert released.status_code == 200


def test_own_pages_may_write_behind_a_proxy_that_changes_the_host(public: httpx.Client) -> None:
    assert record(public, Origin="https://ledger.example.org").status_code == 201
    assert record(public, Origin="https://ledger.test:8443").status_code == 201
    for origin in ("https://ledger.example.org:3000", "https://ledger.test", "https://internal"):
        assert_problem(record(public, Origin=origin), 403, "cross_origin")


def test_reading_from_another_page_is_left_to_the_browser(api: httpx.Client) -> None:
    """No answer carries the header by which a browser would show it to another site."""
    for method in ("GET", "HEAD", "OPTIONS"):
        response = api.request(method, "/ledger", headers=FOREIGN["both"])
        allowed: Any = [name for name in response.headers if name.startswith("access-control")]
        assert allowed == []
    assert api.get("/ledger/alice", headers=FOREIGN["both"]).status_code == 200
