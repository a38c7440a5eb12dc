"""`ledger serve`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from ledger_py.apps import App, app_of_target, find_apps
from ledger_py.cli.common import (
    EXPECTED,
    TERMINATED,
    Terminated,
    app_dir_option,
    ended_by_sigterm,
    ending_well,
    is_loopback,
    note,
    open_database,
)
from ledger_py.cluster import files
from ledger_py.interrupts import INTERRUPTED
from ledger_py.migrate import Project, ensure_current
from ledger_py.serving import Listener, run_server
from ledger_py.serving.lines import json_lines, name_app, writes_json
from ledger_py.settings import Settings, log_format

_log = logging.getLogger("ledger_py")


class _Command(click.Command):
    """Writes all its lines in the format of the service's log, refusals and failures too."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        with _lines(""):
            return super().make_context(info_name, args, *more, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _lines(ctx.params["app"]):
            return super().invoke(ctx)


def _set(_context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    if given is not None:
        # In the environment, because the processes of a service look there.
        os.environ[f"LEDGER_{parameter.name.upper()}"] = given
    return given


@click.command(cls=_Command)
@click.argument("app")
@click.option(
    "--host", callback=_set, help="Address to listen on.  [default: LEDGER_HOST or 127.0.0.1]"
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port.  [default: LEDGER_PORT or 8000]"
)
@click.option(
    "--root-path",
    callback=_set,
    expose_value=False,
    help="Path under which a proxy serves the service.  [default: LEDGER_ROOT_PATH]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that answer requests.",
)
@app_dir_option
def serve(app: str, host: str | None, port: int | None, workers: int) -> None:
    """Serve the HTTP API of an app until SIGTERM or Ctrl-C; running requests are completed.

    APP is the name of an app, or its service as MODULE:ATTRIBUTE.
    """
    found_apps = find_apps()
    apps = dict(found_apps)
    service = app_of_target(app) if ":" in app else _named(app, apps)
    apps[service.name] = service
    name_app(service.name)
    given = {"host": host, "port": port}
    settings = msgspec.structs.replace(
        Settings.from_environment(),
        **{name: value for name, value in given.items() if value is not None},
    )
    project = Project(apps={name: found.migrations for name, found in apps.items()})
    # Before anything else is started: an address in use should not cost a migration first.
    with (
        Listener(settings.host, settings.port) as listener,
        _prepared(settings, service.name, project, named=service.name not in found_apps),
    ):
        if not is_loopback(settings.host):
            _warn(
                f"there is no authentication. Everyone who can reach {settings.host} can record "
                "entries."
            )
        try:
            with ending_well():
                run_server(
                    service.target,
                    host=settings.host,
                    port=settings.port,
                    workers=workers,
                    listener=listener,
                )
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"Serving needs more packages ({error.name} is missing): "
                "pip install 'shared-ledger[http]'"
            ) from error


@contextmanager
def _prepared(settings: Settings, app: str, project: Project, *, named: bool) -> Iterator[None]:
    """Provide the database, up to date, before the processes of the service start.

    On a cluster they see to its partitions themselves, and start without those that are away. Only
    an app that is named, and would not be found, is brought to the partitions first.
    """
    if settings.cluster is not None:
        with ended_by_sigterm():
            if named:
                _prepare_partitions(settings, settings.cluster, app, project)
            yield
        return
    with open_database(settings, report=_report) as (_, url):
        ensure_current(url, settings, app=app, project=project, report=_report)
        yield


def _prepare_partitions(settings: Settings, path: Path, app: str, project: Project) -> None:
    from ledger_py.http import startup  # needs the extra "http"

    try:
        asyncio.run(
            startup.prepare_partitions(
                app, files.read(path), settings, project=project, report=_report
            )
        )
    except startup.StartupRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal


@contextmanager
def _lines(app: str) -> Iterator[None]:
    """Write lines as the settings ask for, until the end of the block."""
    wanted = log_format()
    if wanted == "console" or (wanted != "json" and sys.stderr.isatty()):
        yield
        return
    with json_lines(app):
        try:
            yield
        except click.ClickException as error:
            _log.error(error.format_message())
            sys.exit(error.exit_code)
        except EXPECTED as error:
            _log.error(str(error))
            sys.exit(1)
        except Terminated:
            _log.error("Ended by SIGTERM: `ledger serve` did not finish")
            sys.exit(TERMINATED)
        except KeyboardInterrupt:
            _log.error("Ended by Ctrl-C: `ledger serve` did not finish")
            sys.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            _log.critical("The command failed", exc_info=True)
            sys.exit(1)


def _report(line: str) -> None:
    if writes_json():
        _log.info(line, extra={"event": "startup"})
    else:
        note(line)


def _warn(line: str) -> None:
    if writes_json():
        _log.warning(f"Warning: {line}", extra={"event": "startup"})
    else:
        note(f"Warning: {line}")


def _named(name: str, apps: dict[str, App]) -> App:
    if name not in apps:
        listed = ", ".join(sorted(apps)) or "none"
        raise click.ClickException(
            f"There is no app {name!r}. Found: {listed}. Apps are found in the folder apps/, by an "
            "entry point of group ledger_py.apps, or in the folder that --app-dir names."
        )
    return apps[name]
