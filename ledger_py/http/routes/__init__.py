"""The routes of a service, one module per subject, in the order in which they are documented."""

from __future__ import annotations

from typing import Final

from ledger_py.http.routes import (
    accounts,
    allowances,
    budgets,
    catalogue,
    entries,
    events,
    health,
    holds,
)
from ledger_py.http.routing import Route

__all__ = ("ROUTES",)

ROUTES: Final = tuple(
    member
    for module in (entries, holds, accounts, allowances, budgets, events, catalogue, health)
    for member in vars(module).values()
    if isinstance(member, Route)
)
"""All routes of the API."""
