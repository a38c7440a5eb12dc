"""`ledger serve`."""

from __future__ import annotations

import ipaddress
import signal

import click
import msgspec

from ledger_py.cli.common import note, open_database
from ledger_py.migrate import ensure_current
from ledger_py.serving import run_server
from ledger_py.settings import PROJECT_ROOT


@click.command()
@click.argument("app")
@click.option("--host", help="Address to listen on.  [default: LEDGER_HOST or 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port.  [default: LEDGER_PORT or 8000]"
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
def serve(app: str, host: str | None, port: int | None, workers: int) -> None:
    """Serve the HTTP API of an app until SIGTERM or Ctrl-C; running requests are completed."""
    _check_app(app)
    with open_database() as (settings, url):
        given = {"host": host, "port": port}
        settings = msgspec.structs.replace(
            settings, **{name: value for name, value in given.items() if value is not None}
        )
        if not _is_loopback(settings.host):
            note(
                f"Warning: there is no authentication. Everyone who can reach {settings.host} can "
                "record entries."
            )
        ensure_current(url, settings, app=app, report=note)
        try:
            run_server(
                f"apps.{app}.main:app", host=settings.host, port=settings.port, workers=workers
            )
        except KeyboardInterrupt:
            # uvicorn has completed the requests, and raises the Ctrl-C again that ended it.
            pass
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _check_app(app: str) -> None:
    found = sorted(path.parent.name for path in PROJECT_ROOT.glob("apps/*/main.py"))
    if app not in found:
        listed = ", ".join(found) or "none"
        raise click.ClickException(f"There is no app {app!r} in apps/. Found: {listed}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
