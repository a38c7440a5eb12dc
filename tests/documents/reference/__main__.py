"""Write the pages of the reference, from a database that is made for it: `make docs`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import psycopg

from ledger_py.embedded import database
from ledger_py.migrate import migrate
from ledger_py.settings import Settings
from tests.documents.reference.pages import write


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ledger-docs-") as folder:
        Path(folder).chmod(0o755)  # the server may run as another account
        with database(Settings(data_dir=Path(folder) / "data")) as url:
            migrate(url)
            with psycopg.connect(url) as conn:
                changed = write(conn)
    for name in changed:
        sys.stdout.write(f"docs/reference/{name} is written anew\n")


if __name__ == "__main__":
    main()
