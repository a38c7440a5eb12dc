"""Pictures of the pages, to be looked at: `python -m tests.console.pictures FOLDER`.

Some of them are in docs/pictures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import click
import psycopg
from psycopg.conninfo import make_conninfo

from ledger_py.console.showing import address
from ledger_py.embedded import embedded_server
from ledger_py.migrate import migrate
from tests.console.year import HOSTILE, PICTURES, RIGHT_TO_LEFT, TURNED, fill
from tests.fixtures.browser import Page, browsing
from tests.fixtures.processes import free_port

__all__ = ("LOADED", "fill_in", "open_whole", "take", "take_actions")

PAGES: Final = {
    "start": "",
    "owner": "owner?owner_id=alice",
    "owner-year": "owner?owner_id=alice&span=1y&rows=5",
    "owner-rtl": address("owner", owner_id=RIGHT_TO_LEFT),
    "owner-emoji": address("owner", owner_id=PICTURES),
    "owner-turned": address("owner", owner_id=TURNED),
    "owner-hostile": address("owner", owner_id=HOSTILE),
    "owner-classes": "owner?owner_id=carol",
    "owner-frozen": "owner?owner_id=frozen",
    "owner-unknown": "owner?owner_id=nobody",
    "search": "search?q=user",
    "operations": "operations",
    "finance": "finance",
    "finance-classes": "finance?classes=each",
    "verify": "verify?owner_id=alice",
    "owner-metadata": "owner?owner_id=alice&before=470&rows=3",
    "failed": "owner?owner_id=alice&before=0",
}
ACTIONS: Final = {
    "adjust": ("adjust?owner_id=alice", {}),
    "adjust-shown": ("adjust?owner_id=alice", {"amount": "+1200"}),
    "adjust-refused": ("adjust?owner_id=alice", {"amount": "-100000"}),
    "adjust-wrong": ("adjust?owner_id=alice", {"amount": "1.5"}),
    "reverse-shown": ("reverse?owner_id=alice&seq=470", {}),
    "end-allowance-shown": (
        "end-allowance?owner_id=carol&app=app2&allowance_nonce=summer+of+carol",
        {"at": "2099-01-31 12:00"},
    ),
    "freeze-shown": ("freeze?owner_id=alice", {}),
    "unfreeze-shown": ("unfreeze?owner_id=frozen", {}),
    "floor-shown": ("floor?owner_id=alice", {"min_balance": "-50"}),
    "freeze-already": ("freeze?owner_id=frozen", {}),
    "hostile-shown": (address("freeze", owner_id=HOSTILE), {"reason": HOSTILE, "actor": HOSTILE}),
}
"""Forms of operators, and what is filled in beside the reason and the name."""

LOADED: Final = "document.readyState === 'complete' && !document.querySelector('.htmx-request')"

LOOKS: Final = {
    "light": {},
    "dark": {"dark": True},
    "narrow": {"width": 390, "height": 800},
    "print": {"width": 794, "media": "print"},
}


def take(page: Page, url: str, folder: Path, *, looks: tuple[str, ...] = tuple(LOOKS)) -> None:
    """Take the pictures.

    Args:
        page: A page of the browser, which has a session already.
        url: The address of the console.
        folder: Gets a file for each page and look.
        looks: Some of LOOKS.
    """
    for look in looks:
        page.look(**LOOKS[look])  # type: ignore[arg-type]
        for name, path in PAGES.items():
            open_whole(page, urljoin(url, path))
            (folder / f"{name}-{look}.png").write_bytes(page.picture())


def fill_in(page: Page, url: str, fields: dict[str, str]) -> None:
    """Open the form of an action, fill it in, and ask what it would do."""
    open_whole(page, url)
    given = {"reason": "Outage of 3 March, ticket 4711", "actor": "Kim of support"} | fields
    for name, value in given.items():
        page.run(f"document.querySelector('.action [name={name}]').value = {json.dumps(value)}")
    page.run("window.left = false; document.querySelector('.action button').click()")
    page.wait_for(f"window.left === undefined && {LOADED}")


def open_whole(page: Page, url: str) -> None:
    """Go to an address, and wait until the page is there."""
    page.run("window.left = false")
    page.open(url)
    page.wait_for(f"window.left === undefined && {LOADED}")


def take_actions(
    page: Page, url: str, folder: Path, *, looks: tuple[str, ...] = tuple(LOOKS)
) -> None:
    """Take pictures of operators' actions, as `take` does of the other pages."""
    for look in looks:
        page.look(**LOOKS[look])  # type: ignore[arg-type]
        for name, (path, fields) in ACTIONS.items():
            if name == "adjust":
                open_whole(page, urljoin(url, path))
            else:
                fill_in(page, urljoin(url, path), fields)
            (folder / f"{name}-{look}.png").write_bytes(page.picture())


@contextmanager
def console_of_a_year(folder: Path) -> Iterator[str]:
    """Run an operator's console on a server of its own that `tests.console.year` has filled.

    Args:
        folder: Gets the data; other accounts can enter it.

    Yields:
        The address to open first.
    """
    with embedded_server(folder) as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as conn:
            fill(conn)
            conn.execute("CREATE ROLE support LOGIN IN ROLE ledger_operator")
            conn.execute("SELECT ledger.note_proof('verify'), ledger.note_proof('checkpoint')")
        login = make_conninfo(url, user="support")
        command = [sys.executable, "-m", "ledger_py", "console", "--operator", "--port"]
        with subprocess.Popen(
            [*command, str(free_port()), "--database", login], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield next(it.split()[1] for it in process.stdout if it.startswith("Open "))
            finally:
                process.terminate()


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Take pictures of all pages into a FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ledger-pictures-") as data:
        Path(data).chmod(0o711)
        with (
            console_of_a_year(Path(data, "data")) as opened,
            browsing() as browser,
            browser.page() as page,
        ):
            page.open(opened)
            page.wait_for("location.search === '' && document.querySelector('footer') !== null")
            take(page, urljoin(opened, "/"), folder)
            take_actions(page, urljoin(opened, "/"), folder)


if __name__ == "__main__":
    main(prog_name="python -m tests.console.pictures")
