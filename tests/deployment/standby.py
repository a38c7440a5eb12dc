"""A primary and its streaming standby, both embedded servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger_py.embedded import binaries, embedded_server
from ledger_py.embedded.accounts import account_for
from ledger_py.embedded.places import VERSION, prepare_data_dir
from ledger_py.migrate import migrate
from tests.fixtures.database import fast_folder
from tests.http.running import wait_until

__all__ = ("Pair", "streaming")


IN_MEMORY = {"fsync": "off", "full_page_writes": "off"}
"""Settings of servers whose data need not outlive them."""


class Pair:
    """A primary that holds a ledger, and its standby; made by `streaming`.

    Args:
        folder: The folder of both.

    Attributes:
        primary: The address of the primary.
        standby: The address of the standby.
    """

    def __init__(self, folder: Path) -> None:
        self._primary = folder / "primary"
        self._standby = folder / "standby"
        self._primary_runs = ExitStack()
        self._standby_runs = ExitStack()
        self.primary = self._primary_runs.enter_context(
            embedded_server(self._primary, options=IN_MEMORY)
        )
        migrate(self.primary)
        self._copy()
        self.standby = ""
        self.start_standby()

    def _copy(self) -> None:
        account = account_for(self._standby)
        prepare_data_dir(self._standby, account)
        where = conninfo_to_dict(self.primary)
        done = account.run(
            [
                binaries(account) / "pg_basebackup",
                *("-D", self._standby / f"postgresql-{VERSION}", "--write-recovery-conf"),
                *("--checkpoint", "fast", "--no-sync", "-U", "postgres"),
                *("-h", str(where["host"]), "-p", str(where["port"])),
            ]
        )
        assert done.returncode == 0, done.stderr

    def start_standby(self) -> None:
        """Start the standby unless it runs."""
        self.standby = self._standby_runs.enter_context(
            embedded_server(self._standby, options=IN_MEMORY)
        )

    def stop_standby(self) -> None:
        self._standby_runs.close()

    def stop_primary(self) -> None:
        self._primary_runs.close()

    def pause_replay(self) -> None:
        """Let the standby stand still from now on."""
        self.on_standby("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.on_standby("SELECT pg_get_wal_replay_pause_state()") == "paused")

    def resume_replay(self) -> None:
        self.on_standby("SELECT pg_wal_replay_resume()")

    def on_standby(self, query: str) -> object:
        """Run a query on the standby, and return its value."""
        with psycopg.connect(self.standby, autocommit=True) as conn:
            row = conn.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]

    def catch_up(self) -> None:
        """Wait until the standby has replayed what the primary has written."""
        with psycopg.connect(self.primary, autocommit=True) as conn:
            row = conn.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        assert row is not None
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'"
        wait_until(lambda: self.on_standby(reached) is True)


@contextmanager
def streaming() -> Iterator[Pair]:
    """Run a primary and its standby."""
    with (
        tempfile.TemporaryDirectory(prefix="ledger-test-", dir=fast_folder()) as folder,
        ExitStack() as running,
    ):
        Path(folder).chmod(0o711)
        pair = Pair(Path(folder))
        running.callback(pair.stop_primary)
        running.callback(pair.stop_standby)
        yield pair
