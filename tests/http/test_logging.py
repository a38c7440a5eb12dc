"""The log: one line per request, with its subject and its outcome."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ledger_py.http import logs
from ledger_py.http.recorder import Recorder
from tests.http.problems import assert_problem
from tests.http.running import make_service, running

Lines = list[dict[str, Any]]
Ask = Callable[[httpx.Client], httpx.Response]


@pytest.fixture
def lines_of(ledger_db: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., Lines]:
    """Return the log of a service that answers some requests, one after another."""

    def lines(*requests: Ask) -> Lines:
        with running(make_service(ledger_db)) as api:
            for request in requests:
                request(api)
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line for line in found if line["event"] == "request"]

    return lines


def post(headers: dict[str, str] | None = None, **fields: Any) -> Ask:
    body = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"} | fields
    return lambda api: api.post("/ledger", json=body, headers=headers)


def get(path: str) -> Ask:
    return lambda api: api.get(path)


def test_recorded_entry_is_one_line(
    lines_of: Callable[..., Lines],
) -> None:
    (line,) = lines_of(post({"x-request-id": "abc-123"}))

    assert line.pop("duration_ms") > 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "abc-123",
        "app": "app1",
        "method": "POST",
        "path": "/ledger",
        "status": 201,
        "owner": "alice",
        "operation": "CREDIT_ADD",
        "nonce": "n-1",
        "outcome": "recorded",
    }


def test_outcome_of_each_kind_of_answer(lines_of: Callable[..., Lines]) -> None:
    lines = lines_of(
        post(),
        post(),
        post(operation="CREDIT_SPEND", amount=-99, nonce="n-2"),
        post(amount="7"),
        get("/ledger/alice"),
        get("/nothing"),
    )

    assert [
        (line["outcome"], line.get("code"), line["status"], line.get("owner")) for line in lines
    ] == [
        ("recorded", None, 201, "alice"),
        ("replayed", None, 200, "alice"),
        ("refused", "insufficient_balance", 402, "alice"),
        ("invalid", "invalid_request", 422, None),
        ("answered", None, 200, "alice"),
        ("invalid", "not_found", 404, None),
    ]


def test_owner_of_a_transfer_is_the_sender(lines_of: Callable[..., Lines]) -> None:
    gift = {"from_owner_id": "alice", "to_owner_id": "bob", "operation": "CREDIT_GIFT"}
    body = gift | {"nonce": "n-2", "amount": 3}
    _, line = lines_of(post(), lambda api: api.post("/ledger/transfers", json=body))

    assert (line["owner"], line["operation"], line["nonce"]) == ("alice", "CREDIT_GIFT", "n-2")
    assert line["outcome"] == "recorded"


def test_queries_and_bodies_are_not_logged(lines_of: Callable[..., Lines]) -> None:
    lines = lines_of(post(metadata={"secret": "sesame"}), get("/ledger/alice?asset=sesame"))

    assert "sesame" not in json.dumps(lines)


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "a\tb", 'a"b'])
def test_malformed_request_id_is_replaced(api: httpx.Client, given: str) -> None:
    response = api.get("/health/live", headers={"x-request-id": given})

    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 32


def test_answers_and_problems_carry_the_request_id(api: httpx.Client) -> None:
    for path in ("/health/live", "/nothing", "/ledger"):
        response = api.get(path, headers={"x-request-id": "mine:1"})
        assert response.headers.get_list("x-request-id") == ["mine:1"]


def test_unexpected_error_is_a_plain_500_and_a_traceback_in_the_log(
    ledger_db: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("internal secret")

    monkeypatch.setattr(Recorder, "record", fail)
    with running(make_service(ledger_db)) as api:
        response = post({"x-request-id": "abc-123"})(api)

    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text
    assert (line["level"], line["outcome"], line["request_id"]) == ("error", "failed", "abc-123")
    assert "Traceback" in line["exception"]
    assert "internal secret" in line["exception"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_owner_cannot_forge_lines_on_a_terminal() -> None:
    terminal = _Terminal()
    log = logs.RequestLog(request_id="r", app="app1", method="GET", path="/")
    log.owner = "a\n2026 \x1b[31m[error] forged"

    log.write(logs.make_logger("auto", terminal))

    assert len(terminal.getvalue().splitlines()) == 1
    assert "\x1b[31m[error]" not in terminal.getvalue()
    assert "owner" in terminal.getvalue()
