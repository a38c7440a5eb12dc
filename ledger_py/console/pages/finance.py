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
        by_class = text_of(request, "classes") == "each"
        query = queries.LIABILITY_BY_CLASS if by_class else queries.LIABILITY
        if by not in _BACK:
            raise Refused(
                422, "No such period", f"“{by}” is no period; there are {', '.join(_BACK)}."
            )

        async def read(books: Reading) -> Response[str]:
            assets = [row["asset"] for row in await books.rows(queries.ASSETS)]
            asset = wanted or next(iter(assets), "")
            found = (
                await books.rows(query, asset=asset, by=by, back=_BACK[by])
                if asset in assets
                else []
            )
            return desk.page(
                request,
                "finance.html",
                asset=asset,
                assets=assets,
                by=by,
                by_class=by_class,
                lengths=list(_BACK),
                rows=found,
                **_charts(found, by_class=by_class),
                statements=books.statements,
            )

        return await desk.books.read(read)

    return [finance]


def _charts(rows: Sequence[Row], *, by_class: bool) -> dict[str, Any]:
    """Draw what was owed at the end of each period, and what moved within it.

    Args:
        rows: The periods; after each, if `by_class`, what of it is of each class.
        by_class: Draw what was owed class by class.
    """
    periods = [row for row in rows if not by_class or row["is_whole"]]
    owed = [{"owed": int(row["closing"])} for row in periods]
    last: dict[str, int] = {}
    if by_class:
        of_periods: dict[Any, dict[str, int]] = {row["period_start"]: {} for row in periods}
        for row in rows:
            if not row["is_whole"]:
                last = of_periods[row["period_start"]]
                last[row["credit_class"] or "neither"] = int(row["closing"])
        owed = list(of_periods.values())
    # Both sides of a transfer nearly always come to 0 together.
    movements = [
        *_MOVEMENTS,
        *(["transferred"] if any(row["transferred"] for row in rows) else []),
    ]
    moved = [{name: int(row[name]) for name in movements} for row in periods]
    return {
        "movements": movements,
        "periods": periods,
        "owed": bars(owed),
        "owed_now": last,
        "moved": bars(moved),
        "totals": {name: sum(row[name] for row in moved) for name in movements},
    }
