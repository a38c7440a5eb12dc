"""The page for finance: what is owed to all owners together, period by period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from ledger_py.console import queries
from ledger_py.console.asking import Asked, Refused, text_of
from ledger_py.console.books import Reading, Row
from ledger_py.console.charts import bars
from ledger_py.console.desk import Desk

__all__ = ("handlers",)

_BACK: Final[Mapping[str, str]] = {
    "day": "29 days",
    "week": "25 weeks",
    "month": "11 months",
    "year": "9 years",
}
"""How far back the page goes, by the length of a period."""

_MOVEMENTS: Final = (
    *("issued", "carried_over"),
    *("spent", "expired", "forfeited", "reversed", "adjusted"),
)


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/finance")
    async def finance(request: Asked) -> Response[str]:
        """Add up all entries of an asset, which reads all of them."""
        wanted, by = text_of(request, "asset"), text_of(request, "by") or "month"
        if by not in _BACK:
            raise Refused(
                422, "No such period", f"“{by}” is no period; there are {', '.join(_BACK)}."
            )

        async def read(books: Reading) -> Response[str]:
            assets = [row["asset"] for row in await books.rows(queries.ASSETS)]
            asset = wanted or next(iter(assets), "")
            found = (
                await books.rows(queries.LIABILITY, asset=asset, by=by, back=_BACK[by])
                if asset in assets
                else []
            )
            return desk.page(
                request,
                "finance.html",
                asset=asset,
                assets=assets,
                by=by,
                lengths=list(_BACK),
                periods=found,
                **_moved_in(found),
                statements=books.statements,
            )

        return await desk.books.read(read)

    return [finance]


def _moved_in(periods: Sequence[Row]) -> dict[str, Any]:
    """Draw what was owed at the end of each period, and what moved within it."""
    # Both sides of a transfer nearly always come to 0 together.
    movements = [
        *_MOVEMENTS,
        *(["transferred"] if any(it["transferred"] for it in periods) else []),
    ]
    moved = [{name: int(row[name]) for name in movements} for row in periods]
    return {
        "movements": movements,
        "owed": bars([{"owed": int(row["closing"])} for row in periods]),
        "moved": bars(moved),
        "totals": {name: sum(row[name] for row in moved) for name in movements},
    }
