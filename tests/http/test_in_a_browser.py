"""The pages, and pages of other sites, in a real browser."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fixtures.browser import CHROMIUM, Browser, Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

SHOWN = "document.body.innerText.includes('Texts must not contain NUL')"


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Page]:
    with chromium.page() as page:
        yield page


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """The address of a site with an empty page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def left(page: Page, api: httpx.Client) -> list[str]:
    """List the requests for other hosts that the browser sent or would have sent."""
    own = f"{api.base_url.host}:{api.base_url.port}"
    addresses = [url for url in page.requested if url not in page.blocked]
    return [url for url in addresses if urlsplit(url).netloc not in ("", own)]


@pytest.mark.parametrize("path", ["/docs", "/redoc/"])
def test_page_is_shown_and_asks_no_other_host(api: httpx.Client, browser: Page, path: str) -> None:
    browser.open(str(api.base_url.join(path)))
    browser.wait_for(SHOWN)
    # What scripts begin afterwards, such as telemetry, begins within this.
    browser.run("new Promise(done => requestIdleCallback(done))")

    assert left(browser, api) == []
    assert browser.failures == []
    assert f"{api.base_url.join('/openapi.json')}" in browser.requested


@pytest.mark.parametrize("path", ["/redoc", "/redoc/"])
def test_redoc_shows_the_address_of_the_service(
    api: httpx.Client, browser: Page, path: str
) -> None:
    browser.open(str(api.base_url.join(path)))
    browser.wait_for(SHOWN)
    text = browser.run("document.body.innerText")
    assert str(api.base_url).rstrip("/") in text
    assert "/redoc" not in text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
@pytest.mark.parametrize(
    "script",
    [
        "fetch('https://evil.example/')",
        "new Image().src = 'https://evil.example/'",
    ],
)
def test_nothing_leaves_a_page_whatever_its_scripts_do(
    api: httpx.Client, browser: Page, path: str, script: str
) -> None:
    browser.open(str(api.base_url.join(path)))
    browser.wait_for(SHOWN)
    watch = "new Promise(done => addEventListener('securitypolicyviolation', done))"

    assert browser.run(f"(() => {{ const seen = {watch}; {script}; return seen.then(() => 1) }})()")
    assert left(browser, api) == []


def test_swagger_ui_can_record_entries(api: httpx.Client, browser: Page, owner: str) -> None:
    browser.open(str(api.base_url.join("/docs")))
    browser.wait_for(SHOWN)
    body = f"{{owner_id: '{owner}', operation: 'CREDIT_ADD', nonce: '{owner}'}}"

    status = browser.run(
        "fetch('ledger', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        f" body: JSON.stringify({body})}}).then(answer => answer.status)"
    )

    assert status == 201


WRITES = {
    "an empty request": "fetch(url, {method: 'POST', mode: 'no-cors'})",
    "an empty text": "fetch(url, {method: 'POST', mode: 'no-cors', body: ''})",
    "a beacon": "Promise.resolve(navigator.sendBeacon(url))",
    "a request that is asked for": "fetch(url, {method: 'POST', body: '{}',"
    " headers: {'Content-Type': 'application/json'}}).catch(() => 0)",
    "a form": "new Promise(done => { const frame = document.createElement('iframe');"
    " frame.name = 'f'; frame.onload = done; document.documentElement.append(frame);"
    " const form = document.createElement('form'); form.method = 'POST'; form.target = 'f';"
    " form.action = url; document.documentElement.append(form); form.submit() })",
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_another_site_cannot_release_a_hold(
    api: httpx.Client, browser: Page, other_site: str, owner: str, write: str, name: str
) -> None:
    credit = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": f"credit-{owner}"}
    assert api.post("/ledger", json=credit).status_code == 201
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "nonce": f"hold-{owner}", "amount": 1}
    assert api.post("/ledger/holds", json=hold).status_code == 201
    url = f"http://{name}:{api.base_url.port}/ledger/holds/hold-{owner}/release"
    browser.open(other_site)
    browser.wait_for(f"location.origin === '{other_site}' && document.readyState === 'complete'")

    browser.run(f"(() => {{ const url = '{url}'; return {write}.then(() => 1) }})()")

    # A beacon has no answer, so a second request that is refused as well shows that it has arrived.
    browser.run(f"fetch('{url}', {{method: 'POST', mode: 'no-cors'}}).then(() => 1)")
    (held,) = api.get(f"/ledger/{owner}/holds").json()["holds"]
    assert held["status"] == "open"
