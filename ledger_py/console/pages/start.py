"""The first page: the ledger as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from psycopg.errors import QueryCanceled

from ledger_py.console import queries
from ledger_py.console.asking import Asked, Refused
from ledger_py.console.books import Reading, Row
from ledger_py.console.charts import bars
from ledger_py.console.desk import Desk, is_partial

__all__ = ("handlers",)

_DAYS: Final = 30

_NEWEST: Final = 20_000
"""Entries that are counted: as many as are read in a moment."""


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/")
    async def start(request: Asked) -> Response[str]:
        if "token" in request.query_params:
            return _enter(desk, request)
        return await desk.books.read(lambda books: _start(desk, request, books))

    @get("/books")
    async def books(request: Asked) -> Response[str]:
        """Compare the entries with the balances, which reads all of both."""
        template = "books_part.html" if is_partial(request) else "books.html"

        async def compare(reading: Reading) -> Response[str]:
            try:
                found = await reading.rows(queries.TRIAL_BALANCE)
            except QueryCanceled:
                desk.sums_take_long = True
                raise
            desk.sums_take_long = False
            return desk.page(request, template, trial=found, statements=reading.statements)

        return await desk.books.read(compare)

    return [start, books]


def _enter(desk: Desk, request: Asked) -> Response[str]:
    """Take the token of an address for a session."""
    secret = desk.access.redeem(request.query_params["token"])
    if secret is None:
        if desk.session_of(request) is None:
            raise Refused(
                401,
                "This address was used already",
                "It opens the console once, in one browser. Start `ledger console` again for"
                " another one, or use “Add a browser” in the browser that is in.",
            )
        return desk.page(request, "entering.html")
    # Not a redirect: after a link in a page of another site, a browser would not send the cookie.
    response = desk.page(request, "entering.html")
    response.cookies.append(desk.session_cookie(secret))
    return response


async def _start(desk: Desk, request: Asked, books: Reading) -> Response[str]:
    activity = await books.rows(queries.ACTIVITY, most=_NEWEST)
    values: dict[str, Any] = {
        "apps": await books.rows(queries.APPS),
        "largest": await books.rows(queries.LARGEST, most=_NEWEST),
        "old_holds": await books.rows(queries.OLD_HOLDS),
        "feed": await books.row(queries.FEED),
        "generation": await books.row(queries.GENERATION),
        "proofs": {row["kind"]: row for row in await books.rows(queries.PROOFS)},
    }
    whole = next(row for row in activity if not row["is_day"] and not row["is_app"])
    counted_since = whole["first_at"] if whole["entries"] == _NEWEST else None
    usage: dict[str, list[Row]] = {}
    for row in activity:
        if row["is_app"]:
            usage.setdefault(row["app"], []).append(row)
    return desk.page(
        request,
        "start.html",
        **values,
        usage=usage,
        counted=whole["entries"],
        counted_since=counted_since,
        is_day_cut=counted_since and counted_since > datetime.now(UTC) - timedelta(days=1),
        charts=list(_charts([row for row in activity if row["is_day"]])),
        statements=books.statements,
    )


def _charts(rows: Sequence[Row]) -> Any:
    """Draw issued, spent and expired per day, for each asset."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(_DAYS))]
    for asset in sorted({row["asset"] for row in rows}):
        found: dict[date, Row] = {row["day"]: row for row in rows if row["asset"] == asset}
        kinds = ("issued", "spent", "expired")
        values = [{kind: found[d][kind] if d in found else 0 for kind in kinds} for d in days]
        totals = {kind: sum(value[kind] for value in values) for kind in kinds}
        yield {
            "asset": asset,
            "totals": totals,
            "days": list(zip(days, values, strict=True)),
            "bars": bars(values),
        }
