"""A page about the command line, made from what `--help` prints."""

from __future__ import annotations

import click

from ledger_py.cli import main
from tests.documents.reference.markdown import fenced, table

__all__ = ("commands",)

_WIDTH = 100


def commands() -> str:
    """Describe every command, as its help does.

    Returns:
        The page, without its beginning.
    """
    shown = {name: one for name, one in sorted(main.commands.items()) if not one.hidden}
    parts = [
        "## All commands",
        table(
            ("command", "what it does"),
            [
                (f"[`ledger {name}`](#ledger-{name})", one.get_short_help_str(200))
                for name, one in shown.items()
            ],
        ),
    ]
    for name, one in shown.items():
        parts += [f"## ledger {name}", fenced(_help(name, one))]
    return "\n\n".join(parts)


def _help(name: str, command: click.Command) -> str:
    parent = click.Context(main, info_name="ledger", **main.context_settings)
    context = click.Context(
        command, parent=parent, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    return command.get_help(context)
