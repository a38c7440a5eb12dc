"""`ledger console` as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from ledger_py.embedded import embedded_server
from ledger_py.migrate import migrate
from tests.console.reading import words
from tests.fixtures.processes import environment
from tests.http.running import wait_until

COMMAND = [sys.executable, "-m", "ledger_py", "console", "--port", "0"]


def refusal(*arguments: str, **settings: str) -> str:
    """Start the command, which must refuse, and give its line."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def console(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command until the end of the block."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def printed_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"^Open (http://127\.0\.0\.1:\d+/\?token=[\w-]{40,}) ", line)
    assert found is not None, (line, process.stderr and process.stderr.read())
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_printed_address_opens_it(login: str, number: signal.Signals) -> None:
    with console("--database", login) as process, httpx.Client() as client:
        address = printed_address(process)
        assert client.get(address).status_code == 200
        page = client.get(address.partition("?")[0])
        assert "Do the books tie?" in words(page)
        assert "operator" not in words(page)

        process.send_signal(number)
        _, errors = process.communicate(timeout=60)

        assert process.returncode == 0
        assert "Logged in to the database as ledger_test_" in errors
        assert "token" not in errors


def test_embedded_server_gets_a_login(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        migrate(url)
        with console(DATABASE_URL="", LEDGER_DATA_DIR=str(data_dir)) as process:
            with httpx.Client() as client:
                address = printed_address(process)
                client.get(address)
                page = client.get(address.partition("?")[0])
            assert "Reads as ledger_console ." in words(page)


def postmaster(data_dir: Path) -> int | None:
    """Give the process of the embedded server, if there is one."""
    with suppress(OSError, IndexError):
        return int((data_dir / "postgresql-18/postmaster.pid").read_text().split()[0])
    return None


def test_embedded_server_that_dies_is_started_again(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        migrate(url)
    with (
        console(LEDGER_DATA_DIR=str(data_dir), DATABASE_URL="") as process,
        httpx.Client(follow_redirects=True) as browser,
    ):
        address = printed_address(process)
        assert browser.get(address).status_code == 200
        killed = postmaster(data_dir)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: postmaster(data_dir) not in (killed, None))
        assert browser.get(urljoin(address, "/")).status_code == 200


def test_login_that_could_do_more_is_refused(ledger_db: str) -> None:
    assert "could do more than read" in refusal("--database", ledger_db)
    told = refusal(DATABASE_URL=ledger_db)
    assert "could do more than read" in told
    assert told.count("owns the ledger") == 1


def test_operator_is_a_choice(ledger_db: str) -> None:
    with (
        console("--database", ledger_db, "--operator") as process,
        httpx.Client() as client,
    ):
        address = printed_address(process)
        client.get(address)
        assert "operator" in words(client.get(address.partition("?")[0]))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "db.example.org"])
def test_other_addresses_need_a_proxy(login: str, host: str) -> None:
    assert "--behind-proxy" in refusal("--database", login, "--host", host)


def test_behind_a_proxy_it_listens_anywhere_and_its_cookie_needs_tls(login: str) -> None:
    arguments = ["--database", login, "--host", "0.0.0.0", "--behind-proxy"]
    with console(*arguments) as process:
        assert process.stdout is not None
        found = re.search(r"http://0\.0\.0\.0:(\d+)/(\?token=\S+)", process.stdout.readline())
        assert found is not None
        answer = httpx.get(f"http://127.0.0.1:{found[1]}/{found[2]}")
        assert "Secure" in answer.headers["set-cookie"]


def test_address_of_a_database_is_checked() -> None:
    assert "must be a postgresql:// address" in refusal("--database", "mysql://x")
