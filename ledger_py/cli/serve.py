"""`ledger serve`."""

from __future__ import annotations

import ipaddress
import signal

import click
import msgspec

from ledger_py.apps import App, app_of_target, find_apps
from ledger_py.cli.common import app_dir_option, note, open_database
from ledger_py.migrate import Project, ensure_current
from ledger_py.serving import run_server


@click.command()
@click.argument("app")
@click.option("--host", help="Address to listen on.  [default: LEDGER_HOST or 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port.  [default: LEDGER_PORT or 8000]"
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@app_dir_option
def serve(app: str, host: str | None, port: int | None, workers: int) -> None:
    """Serve the HTTP API of an app until SIGTERM or Ctrl-C; running requests are completed.

    APP is the name of an app, or its service as MODULE:ATTRIBUTE.
    """
    apps = find_apps()
    service = app_of_target(app) if ":" in app else _named(app, apps)
    apps[service.name] = service
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
        project = Project(apps={name: found.migrations for name, found in apps.items()})
        ensure_current(url, settings, app=service.name, project=project, report=note)
        try:
            run_server(service.target, host=settings.host, port=settings.port, workers=workers)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"Serving needs more packages ({error.name} is missing): "
                "pip install 'shared-ledger[http]'"
            ) from error
        except KeyboardInterrupt:
            # uvicorn has completed the requests, and raises the Ctrl-C again that ended it.
            pass
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _named(name: str, apps: dict[str, App]) -> App:
    if name not in apps:
        listed = ", ".join(sorted(apps)) or "none"
        raise click.ClickException(
            f"There is no app {name!r}. Found: {listed}. Apps are found in the folder apps/, by an "
            "entry point of group ledger_py.apps, or in the folder that --app-dir names."
        )
    return apps[name]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
