"""`ledger console`."""

from __future__ import annotations

import click
import msgspec

from ledger_py.cli.common import ending_well, is_loopback, note, open_database
from ledger_py.database_urls import plain_database_url
from ledger_py.serving import Listener
from ledger_py.settings import Settings


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8090, show_default=True, help="Port."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on, of this machine."
)
@click.option(
    "--database", "address", help="The database with the console's login.  [default: DATABASE_URL]"
)
@click.option(
    "--operator", is_flag=True, help="Log in as an operator, and offer operators' actions."
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="A proxy with TLS and a login of its own is before the console: listen on any address.",
)
def console(port: int, host: str, address: str | None, operator: bool, behind_proxy: bool) -> None:
    """Serve pages that answer questions about owners, until SIGTERM or Ctrl-C.

    The printed address opens the console once, in one browser. The database login must be a member
    of ledger_auditor and nothing else. With the embedded server, that login is made.
    """
    if not behind_proxy and not is_loopback(host):
        raise click.ClickException(
            f"The console has no accounts of its own, so it does not listen on {host}: anybody who"
            " sees the printed address could read everything. Put a proxy with TLS and a login"
            " before it, and pass --behind-proxy."
        )
    settings = Settings.from_environment()
    if address is not None:
        try:
            address = plain_database_url(address)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--database") from error
        settings = msgspec.structs.replace(settings, database_url=address)
    settings = msgspec.structs.replace(settings, host=host, port=port)
    try:
        # Not at the top: it comes with an extra, and takes a moment.
        from ledger_py.console import console_login, require_auditor
        from ledger_py.console.serving import serve_console
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"The console needs more packages ({error.name} is missing): "
            "pip install 'shared-ledger[console]'"
        ) from error
    with (
        Listener(host, port) as listener,
        open_database(settings, watched=lambda line, _why: note(line)) as (_, url),
    ):
        if settings.database_url is None:
            url = console_login(url, operator=operator)
        login = require_auditor(url, operator=operator)
        note(f"Logged in to the database as {login}")
        with ending_well():
            serve_console(
                url,
                settings,
                listener,
                login=login,
                operator=operator,
                behind_proxy=behind_proxy,
                announce=click.echo,
            )
