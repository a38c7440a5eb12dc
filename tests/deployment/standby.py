"""A primary and its streaming standby, both embedded servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger_py.embedded import binaries, embedded_server
from ledger_py.embedded.accounts import account_for
from ledger_py.embedded.places import VERSION, prepare_data_dir
from ledger_py.migrate import migrate
from tests.http.running import wait_until

__all__ = ("Pair", "streaming")


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
        self.primary = self._primary_runs.enter_context(embedded_server(self._primary))
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
        self.standby = self._standby_runs.enter_context(embedded_server(self._standby))

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

    def close(self) -> None:
        self.stop_standby()
        self.stop_primary()


@contextmanager
def streaming(folder: Path) -> Iterator[Pair]:
    """Run a primary and its standby.

    Args:
        folder: A folder that servers started by root can reach.
    """
    pair = Pair(folder)
    try:
        yield pair
    finally:
        pair.close()
