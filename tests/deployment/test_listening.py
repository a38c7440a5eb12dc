"""A service that cannot listen on its address says so before it does anything else."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger_py.serving import Listener, ListenError
from ledger_py.serving.lines import json_lines
from ledger_py.serving.listening import refuse_connections
from ledger_py.serving.server import serve
from tests.deployment.serving import serving
from tests.fixtures.processes import environment, free_port

WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


def refusal(*arguments: str, through: Sequence[str] = ()) -> str:
    """Start a service that must refuse, through another program if need be; return its message."""
    settings = {"LEDGER_LOG_FORMAT": "console", "DATABASE_URL": "postgresql:///x?host=/nonexistent"}
    done = subprocess.run(
        [*through, sys.executable, "-m", "ledger_py", "serve", "app1", *arguments],
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    # It has not even looked for its database, which is away.
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done
    return done.stderr


@WORKERS
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_port_in_use_is_named_with_what_to_do(
    workers: str, family: socket.AddressFamily, host: str
) -> None:
    try:
        taken = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with taken:
        port = taken.getsockname()[1]
        message = refusal("--host", host, "--port", str(port), "--workers", workers)

    assert f"Port {port} of {host} is in use by another process" in message
    assert "--port or LEDGER_PORT" in message


@WORKERS
def test_address_of_another_machine_is_named(workers: str) -> None:
    message = refusal("--host", "192.0.2.1", "--port", str(free_port()), "--workers", workers)

    assert "192.0.2.1 is not an address of this machine" in message
    assert "--host or LEDGER_HOST" in message


@WORKERS
def test_name_that_does_not_exist_is_named(workers: str) -> None:
    assert "'no.such.name.invalid' is no address" in refusal(
        "--host", "no.such.name.invalid", "--workers", workers
    )


@WORKERS
def test_low_port_needs_a_privilege(workers: str) -> None:
    low = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not low.exists() or int(low.read_text()) <= 1:
        pytest.skip("every account may listen on low ports")
    through = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root needs setpriv to give the privilege up")
        through = [setpriv, "--bounding-set=-net_bind_service", "--inh-caps=-all"]

    message = refusal("--port", "1", "--workers", workers, through=through)

    assert "may not listen on port 1 of 127.0.0.1" in message
    assert "CAP_NET_BIND_SERVICE" in message


def test_name_with_several_addresses_has_one_port() -> None:
    with Listener("localhost", 0) as listener:
        ports = {one.getsockname()[1] for one in listener.sockets}

    assert len(ports) == 1


def test_restart_need_not_wait_for_connections_that_were_open() -> None:
    with Listener("127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        listener.sockets[0].listen()
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.sockets[0].accept()
            accepted.close()  # this side closes first, and so keeps the address for a while

    Listener("127.0.0.1", port).close()


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connections_are_kept_and_no_more_are_made(host: str) -> None:
    try:
        listener = Listener(host, 0)
    except ListenError:
        pytest.skip(f"this machine has no {host}")
    with listener:
        (server,) = listener.sockets
        server.listen()
        with socket.create_connection(server.getsockname()[:2]) as made:
            refuse_connections(listener.sockets)
            with pytest.raises(TimeoutError):
                socket.create_connection(server.getsockname()[:2], timeout=0.2)
            made.sendall(b"late")
            with server.accept()[0] as accepted:
                assert accepted.recv(4) == b"late"


async def lifespan_only(_scope: Any, receive: Any, send: Any) -> None:
    """An application that starts and stops."""
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


def test_service_that_is_overtaken_while_it_starts_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Listener("127.0.0.1", 0) as faster:
        port = faster.sockets[0].getsockname()[1]
        with Listener("127.0.0.1", port) as slower, json_lines("app1"):
            faster.sockets[0].listen()
            with pytest.raises(SystemExit) as ended:
                serve(f"{__name__}:lifespan_only", slower)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (error,) = (line for line in lines if line["level"] == "error")
    assert ended.value.code == 3
    assert f"Port {port} of 127.0.0.1 is in use by another process" in error["message"]
    assert "Application shutdown complete" in lines[-1]["message"]


def test_error_of_another_kind_is_repeated() -> None:
    with Listener("127.0.0.1", 0) as listener:
        error = listener.error(OSError(errno.ENOBUFS, "No buffer space available"))

    assert isinstance(error, ListenError)
    assert "cannot be listened on: No buffer space available" in str(error)


@WORKERS
def test_service_on_an_ipv6_address(ledger_db: str, workers: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving("--host", "::1", "--workers", workers, DATABASE_URL=ledger_db) as service:
        assert service.url.startswith("http://[::1]:")
        assert httpx.get(f"{service.url}/health/live").status_code == 200
