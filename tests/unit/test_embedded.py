"""The embedded server: persistent data, shared use, killed processes, bad folders."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from ledger_py.embedded import EmbeddedError, database, embedded_server
from ledger_py.settings import Settings
from tests.http.running import wait_until

USER_PROGRAM = """
import sys
from pathlib import Path
from ledger_py.embedded import embedded_server
with embedded_server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_user(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER_PROGRAM, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        yield process


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgresql-18/postmaster.pid").read_text().split("\n")[0])


def is_running(data_dir: Path) -> bool:
    return (data_dir / "postgresql-18/postmaster.pid").exists()


def test_data_survives_a_stop(data_dir: Path) -> None:
    with embedded_server(data_dir) as url, psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert not is_running(data_dir)

    with embedded_server(data_dir) as url, psycopg.connect(url) as conn:
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert not is_running(data_dir)


def test_database_is_utf_8_and_listens_on_a_socket_only(data_dir: Path) -> None:
    with embedded_server(data_dir) as url, psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT current_database(), current_setting('server_encoding'),"
            " current_setting('listen_addresses'), current_setting('fsync'),"
            " current_setting('server_version_num')::int / 10000"
        ).fetchone()

    assert row == ("ledger", "UTF8", "", "on", 18)


def test_pgport_of_the_environment_is_ignored(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "5499")

    with embedded_server(data_dir) as url, psycopg.connect(url) as conn:
        assert conn.info.port == 5432


def test_last_process_stops_the_server(data_dir: Path) -> None:
    with other_user(data_dir):
        with embedded_server(data_dir) as url:
            pass
        psycopg.connect(url).close()

    assert not is_running(data_dir)


def test_killed_process_does_not_count_as_a_user(data_dir: Path) -> None:
    with other_user(data_dir) as killed:
        killed.kill()
    assert is_running(data_dir)

    with embedded_server(data_dir):
        pass

    assert not is_running(data_dir)


def test_killed_server_restarts_with_its_data(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        with psycopg.connect(url) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(postmaster(data_dir), signal.SIGKILL)

    with embedded_server(data_dir) as url, psycopg.connect(url) as conn:
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_reused_process_id_of_a_dead_server_allows_a_start(
    data_dir: Path,
) -> None:
    with embedded_server(data_dir):
        pid_file = data_dir / "postgresql-18/postmaster.pid"
        process = psutil.Process(postmaster(data_dir))
        process.kill()
        psutil.wait_procs([process], timeout=10)
    lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    with embedded_server(data_dir) as url:
        psycopg.connect(url).close()


@pytest.fixture
def orphan(data_dir: Path) -> Iterator[int]:
    """A stopped process of a server that was killed, which has not noticed yet."""
    with embedded_server(data_dir) as url, psycopg.connect(url, autocommit=True) as conn:
        pid = conn.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        os.kill(postmaster(data_dir), signal.SIGKILL)
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def is_told_to_quit(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (pending,) = [line.split()[1] for line in status.split("\n") if line.startswith("ShdPnd")]
    return bool(int(pending, 16) & 1 << signal.SIGQUIT - 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.parametrize("pid_in_use", [False, True], ids=["pid free", "pid in use"])
def test_start_waits_for_processes_of_a_killed_server(
    data_dir: Path, orphan: int, pid_in_use: bool
) -> None:
    if pid_in_use:  # as that of a killed server is until it is reaped
        pid_file = data_dir / "postgresql-18/postmaster.pid"
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        started = threads.submit(stack.enter_context, embedded_server(data_dir))
        wait_until(lambda: is_told_to_quit(orphan) or started.done())
        waits = not started.done()
        os.kill(orphan, signal.SIGCONT)
        psycopg.connect(started.result()).close()

    assert waits


def test_path_too_long_for_a_socket_works(data_dir: Path) -> None:
    deep = data_dir.parent / ("d" * 120)

    with embedded_server(deep) as url, psycopg.connect(url) as conn:
        socket = Path(conn.info.host)
        assert socket.is_dir()

    assert not is_running(deep)
    assert not socket.exists()


def test_failed_start_shows_the_log_of_the_server(data_dir: Path) -> None:
    with (
        pytest.raises(EmbeddedError, match="no_such_setting"),
        embedded_server(data_dir, options={"no_such_setting": "1"}),
    ):
        pass


def test_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file/data"

    with (
        pytest.raises(EmbeddedError, match=r"file/data cannot be used: .* LEDGER_DATA_DIR"),
        embedded_server(folder),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="root's servers run as another account")
def test_folder_closed_to_the_account_of_the_server_is_named(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)

    with (
        pytest.raises(EmbeddedError, match="a folder above it is closed to others"),
        embedded_server(data_dir),
    ):
        pass

    assert data_dir.parent.stat().st_mode & 0o777 == 0o700


def test_database_url_is_used_unchanged() -> None:
    url = "postgresql://somebody@somewhere/something"

    with database(Settings(database_url=url)) as given:
        assert given == url


def test_data_folder_is_reported(data_dir: Path) -> None:
    said: list[str] = []

    with database(Settings(data_dir=data_dir), report=said.append) as url:
        psycopg.connect(url).close()

    assert said == [f"Embedded PostgreSQL 18, data in {data_dir}"]


NEEDS_ACCOUNT = """
import sys
from pathlib import Path
from ledger_py.embedded import accounts
accounts.SERVER_ACCOUNT = sys.argv[1]
print("ready", flush=True)
sys.stdin.readline()
print(accounts.account_for(Path("/")).uid, flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root creates an account for its servers")
def test_account_is_created_once_by_processes_that_start_together() -> None:
    name = f"ledger-test-{os.getpid()}"
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["userdel", name], check=True, capture_output=True)
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", NEEDS_ACCOUNT, name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(8)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        uids = {int(process.communicate()[0]) for process in processes}
        assert uids == {pwd.getpwnam(name).pw_uid}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root creates an account for its servers")
@pytest.mark.parametrize("is_there", [True, False])
def test_nobody_else_can_keep_an_account_from_being_created(is_there: bool) -> None:
    name = f"ledger-test-{os.getpid()}"
    with ExitStack() as stack:
        if is_there:
            subprocess.run(["useradd", "--system", "--no-create-home", name], check=True)
        stack.callback(subprocess.run, ["userdel", name], check=False, capture_output=True)
        stranger = stack.enter_context(
            subprocess.Popen(
                ["flock", "/etc", "sh", "-c", "echo locked; cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                user="nobody",
            )
        )
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "locked\n"
        created = subprocess.run(
            [sys.executable, "-c", NEEDS_ACCOUNT, name],
            input="\n",
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert created.stdout == f"ready\n{pwd.getpwnam(name).pw_uid}\n"
