"""Nobody sees a page without having opened the printed address, or from another site."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute

from ledger_py.console import Console
from ledger_py.console.access import LIFE, Access
from tests.console.conftest import Visitor, make_console
from tests.console.reading import form_token, words
from tests.http.running import running


def addresses(console: Console, method: str) -> list[str]:
    """List the addresses that take a method."""
    return [
        re.sub(r"\{.*\}", "console.css", route.path_format)
        for route in console.routes
        if isinstance(route, HTTPRoute) and method in route.methods
    ]


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_page_is_shown_without_a_session(year: httpx.Client, year_console: Console) -> None:
    pages = [path for path in addresses(year_console, "GET") if not path.startswith("/static")]
    assert len(pages) > 5
    for path in pages:
        answer = httpx.get(f"{year.base_url}{path}".replace("//", "/").replace(":/", "://"))
        assert answer.status_code == 401
        assert "open the address that the console printed" in words(answer)
        assert "form_token" not in answer.text


def test_token_opens_one_browser_once(login: str) -> None:
    console = make_console(login)
    token = console.desk.access.new_token()
    with running(console) as first:
        entered = first.get("/", params={"token": token})
        assert entered.status_code == 200
        assert first.get("/operations").status_code == 200

        again = httpx.get(str(first.base_url), params={"token": token})

        assert again.status_code == 401
        assert "was used already" in words(again)
        assert "set-cookie" not in again.headers
        assert first.get("/operations").status_code == 200


def test_wrong_token_opens_nothing(login: str) -> None:
    with running(make_console(login)) as client:
        for token in ("", "x", "é", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
            assert client.get("/", params={"token": token}).status_code == 401


@pytest.mark.parametrize("secure", [False, True])
def test_cookie_is_kept_from_scripts_and_other_sites(login: str, secure: bool) -> None:
    console = make_console(login, secure=secure)
    with running(console) as client:
        answer = client.get("/", params={"token": console.desk.access.new_token()})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert ("Secure" in cookie) is secure
    assert f"Max-Age={int(LIFE)}" in cookie


def test_session_ends_after_twelve_hours(login: str) -> None:
    time = Time()
    console = make_console(login, access=Access(clock=time))
    with running(console) as client:
        client.get("/", params={"token": console.desk.access.new_token()})
        time.now = 12 * 3600 - 1
        assert client.get("/operations").status_code == 200
        time.now = 12 * 3600
        assert client.get("/operations").status_code == 401


def test_token_that_nobody_used_ends_after_twelve_hours() -> None:
    time = Time()
    access = Access(clock=time)
    token = access.new_token()
    time.now = 12 * 3600
    assert access.redeem(token) is None


def test_process_keeps_no_secret() -> None:
    access = Access()
    token = access.new_token()
    secret = access.redeem(access.new_token())
    assert secret is not None
    kept = repr(vars(access))
    assert token not in kept
    assert secret not in kept


def test_other_hosts_are_refused(year: httpx.Client) -> None:
    answer = year.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "alice" not in answer.text
    assert year.get("/operations", headers={"Host": "localhost:8090"}).status_code == 200


def test_configured_host_is_served(visitor: Visitor) -> None:
    client = visitor(hosts=("ledger.example.org",))
    answer = client.get("/operations", headers={"Host": "ledger.example.org"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_of_other_origins_are_refused(visitor: Visitor, headers: dict[str, str]) -> None:
    client = visitor()
    form = {"form_token": form_token(client)}

    answer = client.post("/leave", data=form, headers=headers)

    assert answer.status_code == 403
    assert client.get("/operations").status_code == 200


@pytest.mark.parametrize("form", [{}, {"form_token": ""}, {"form_token": "0" * 64}, "of another"])
def test_every_form_needs_the_token_of_its_session(login: str, visitor: Visitor, form: Any) -> None:
    client = visitor()
    paths = addresses(make_console(login), "POST")
    assert set(paths) >= {"/leave", "/invite"}
    if form == "of another":
        form = {"form_token": form_token(visitor())}
    for path in paths:
        answer = client.post(path, data=form)
        assert answer.status_code in (403, 415), path
    assert client.get("/operations").status_code == 200


def test_signing_out_ends_the_session(visitor: Visitor) -> None:
    client = visitor()
    cookies = dict(client.cookies)

    answer = client.post("/leave", data={"form_token": form_token(client)})

    assert "You are out" in words(answer)
    assert client.get("/operations").status_code == 401
    kept = httpx.get(f"{client.base_url}/operations", cookies=cookies)
    assert kept.status_code == 401


def test_reader_can_add_a_browser(visitor: Visitor) -> None:
    client = visitor()

    answer = client.post("/invite", data={"form_token": form_token(client)})

    found = re.search(r'data-relative="\./(\?token=[\w-]+)"', answer.text)
    assert found is not None
    with httpx.Client(base_url=client.base_url) as other:
        assert other.get(f"/{found[1]}").status_code == 200
        assert other.get("/operations").status_code == 200
    assert httpx.get(f"{client.base_url}/{found[1]}").status_code == 401


def test_every_answer_says_what_a_browser_may_do(year: httpx.Client) -> None:
    for path in ("/", "/nothing", "/static/console.js", "/owner?owner_id=alice&before=0"):
        headers = year.get(path).headers
        policy = headers["content-security-policy"].split("; ")
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert year.get("/").headers["cache-control"] == "no-store"
    refused = httpx.get(str(year.base_url), headers={"Host": "evil.example"})
    assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]


def test_head_is_answered_like_get(year: httpx.Client) -> None:
    answer = year.head("/operations")
    assert (answer.status_code, answer.content) == (200, b"")
