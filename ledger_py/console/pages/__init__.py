"""The pages, a module each."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from ledger_py.console.desk import Desk
from ledger_py.console.pages import (
    actions,
    finance,
    operations,
    owner,
    search,
    sessions,
    start,
    static,
)

__all__ = ("handlers",)


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers of all pages."""
    modules = [start, search, owner, operations, finance, sessions, static]
    if desk.operator:
        modules.append(actions)
    return [handler for module in modules for handler in module.handlers(desk)]
