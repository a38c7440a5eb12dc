"""A service behind a path prefix, which a proxy strips or passes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ledger_py.settings import Settings, SettingsError
from tests.deployment.nginx import NGINX, nginx
from tests.deployment.serving import serving
from tests.http.running import make_service, running
from tests.http.test_asgi import scope_of, started
from tests.http.test_startup import refusal_of

ENTRY = {"owner_id": "credits", "operation": "CREDIT_ADD", "nonce": "n"}


@pytest.fixture(scope="module")
def proxied(module_db: str) -> Iterator[str]:
    """The address of nginx before services, two of which know their prefix."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    with (
        running(make_service(module_db, root_path="/credits")) as knows,
        running(make_service(module_db, root_path="/stripped")) as too,
        running(make_service(module_db)) as other,
        nginx(
            credits=str(knows.base_url).rstrip("/"),  # passed on
            stripped=f"{str(too.base_url).rstrip('/')}/",
            unknown=f"{str(other.base_url).rstrip('/')}/",
        ) as url,
    ):
        yield url


PREFIXES = pytest.mark.parametrize("prefix", ["credits", "stripped", "unknown"])


def loaded_by(page: httpx.Response) -> list[str]:
    found = re.findall(r'(?:src|href|data-document)\s*=?\s*"([^"]*)"', page.text)
    return [address for address in found if address != "data:,"]


@PREFIXES
@pytest.mark.parametrize("page", ["docs", "docs/", "redoc", "redoc/"])
def test_pages_load_what_is_below_the_prefix(proxied: str, prefix: str, page: str) -> None:
    with httpx.Client() as browser:
        shown = browser.get(f"{proxied}/{prefix}/{page}")
        addresses = [str(shown.url.join(address)) for address in loaded_by(shown)]
        assert f"{proxied}/{prefix}/openapi.json" in addresses
        for address in addresses:
            assert address.startswith(f"{proxied}/{prefix}/")
            assert browser.get(address).status_code == 200


@PREFIXES
def test_server_of_the_document_is_below_the_prefix(proxied: str, prefix: str) -> None:
    response = httpx.get(f"{proxied}/{prefix}/openapi.json")

    (server,) = response.json()["servers"]
    assert str(response.url.join(server["url"])) == f"{proxied}/{prefix}/"


@PREFIXES
def test_every_kind_of_address_is_answered(proxied: str, prefix: str) -> None:
    with httpx.Client(base_url=f"{proxied}/{prefix}") as api:
        assert api.post("/ledger", json=ENTRY).status_code in (200, 201)
        assert api.post("/ledger/", json=ENTRY).status_code == 200
        batch = api.post("/ledger/batch", json={"entries": [ENTRY, {}]}).json()["results"]
        assert [result.get("replayed") for result in batch] == [True, None]
        assert api.get("/ledger/credits").json()["balance"] == 10
        assert len(api.get("/ledger/credits/entries").json()["entries"]) == 1
        assert api.head("/health/ready").status_code == 200
        with api.stream("GET", "/events") as events:
            assert next(events.iter_lines()).startswith("retry:")
        assert api.get("/", follow_redirects=True).url.path == f"/{prefix}/docs"


def test_owner_with_a_slash_is_found_if_the_prefix_is_passed_on(proxied: str) -> None:
    # nginx decodes the addresses from which it strips something.
    response = httpx.get(f"{proxied}/credits/ledger/a%2Fcredits%2Fb")

    assert response.json()["owner_id"] == "a/credits/b"


@pytest.mark.parametrize("prefix", ["credits", "stripped"])
def test_types_of_problems_lead_to_their_page(proxied: str, prefix: str) -> None:
    with httpx.Client(base_url=f"{proxied}/{prefix}") as api:
        problems = [
            api.get("/nothing").json(),
            api.post("/ledger", json={}).json(),
            api.put("/ledger/alice").json(),
            api.post("/ledger/batch", json={"entries": [{}]}).json()["results"][0],
        ]
    assert [problem["type"] for problem in problems] == [
        f"/{prefix}/problems/{problem['code']}" for problem in problems
    ]
    assert httpx.get(f"{proxied}{problems[0]['type']}").json()["code"] == "not_found"


def test_prefix_is_an_option_of_the_command_for_all_workers(ledger_db: str) -> None:
    arguments = ["--root-path", "/api/credits/", "--workers", "2"]
    with serving(*arguments, DATABASE_URL=ledger_db) as service:
        for address in ("/api/credits/ledger/alice", "/ledger/alice"):
            for _ in range(4):
                assert httpx.get(service.url + address).json()["balance"] == 0
        problem = httpx.get(f"{service.url}/api/credits/nothing").json()

    assert problem["type"] == "/api/credits/problems/not_found"


async def get(service: Any, path: str, **optional: Any) -> tuple[int, Any]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await service(scope_of("GET", path, **optional), receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(body) if body else dict(sent[0]["headers"])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("root_path", "path"),
    [
        pytest.param("/credits", "/credits{}", id="before the path, as the specification says"),
        pytest.param("/credits", "{}", id="beside the path, as in older servers"),
        pytest.param("/credits", "/credits/credits{}", id="before a path that had it"),
        pytest.param("/credits/", "/credits{}", id="with a slash at its end"),
        pytest.param("/a/b c", "/a/b c{}", id="with a blank"),
        pytest.param("/ledger", "/ledger{}", id="like an address of the service"),
    ],
)
async def test_root_path_of_asgi(ledger_db: str, root_path: str, path: str) -> None:
    prefix = root_path.rstrip("/").replace(" ", "%20")
    async with started(make_service(ledger_db)) as service:
        for raw in (False, True):
            for address in ("/operations", "/ledger/alice", "/ledger/credits/entries"):
                where = path.format(address)
                optional: dict[str, Any] = {"root_path": root_path}
                if raw:
                    optional["raw_path"] = where.replace(" ", "%20").encode()
                status, _ = await get(service, where, **optional)
                assert status == 200, where
        _, problem = await get(service, path.format("/nothing"), root_path=root_path)
        assert problem["type"] == f"{prefix}/problems/not_found"
        _, headers = await get(service, path.format("/"), root_path=root_path)
        assert headers[b"location"] == f"{prefix}/docs".encode()
        _, problem = await get(service, "/nothing")
        assert problem["type"] == "/problems/not_found"


@pytest.mark.parametrize("prefix", ["/ledger", "/docs/v1", "/health"])
def test_prefix_like_an_address_of_the_service_is_refused(ledger_db: str, prefix: str) -> None:
    message = refusal_of(make_service(ledger_db, root_path=prefix))

    assert f"LEDGER_ROOT_PATH: {prefix} begins like an address of the service" in message


@pytest.mark.parametrize("given", ["credits", "/a b", "/a//b", "/..", "/a/../b", "/ü", "/a?b"])
def test_prefix_must_be_a_plain_path(given: str) -> None:
    with pytest.raises(SettingsError, match="LEDGER_ROOT_PATH: must be a path"):
        Settings.from_environment({"LEDGER_ROOT_PATH": given})


@pytest.mark.parametrize(
    ("given", "found"), [("/credits/", "/credits"), ("/a/b.c", "/a/b.c"), ("/", ""), ("", "")]
)
def test_slash_at_the_end_of_a_prefix_does_not_matter(given: str, found: str) -> None:
    assert Settings.from_environment({"LEDGER_ROOT_PATH": given}).root_path == found
