"""The page of an owner: why there are as many credits as there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from ledger_py.console import queries
from ledger_py.console.asking import Asked, asset_of, number_of, owner_of, text_of, word_of
from ledger_py.console.books import MAX_ROWS, Reading, Row
from ledger_py.console.desk import Desk, is_partial
from ledger_py.console.showing import amount, use

__all__ = ("handlers",)

_ENTRIES: Final = 25
_NEWEST: Final = 2**63 - 1

_SPANS: Final = {
    "30d": ("30 days", timedelta(days=30)),
    "7d": ("7 days", timedelta(days=7)),
    "1y": ("1 year", timedelta(days=365)),
    "all": ("all", None),
}
"""The stretches of time that the curve can show; the first unless another one is asked for."""


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/owner")
    async def owner(request: Asked) -> Response[str]:
        owner_id, asset = owner_of(request), asset_of(request)
        before, most = _page_of(request)
        span = word_of(request, "span", tuple(_SPANS))
        return await desk.books.read(
            lambda books: _owner(desk, request, books, owner_id, asset, span, before, most)
        )

    @get("/entries")
    async def entries(request: Asked) -> Response[str]:
        """Give further rows for the page of an owner."""
        owner_id, asset = owner_of(request), asset_of(request) or "CREDIT"
        before, most = _page_of(request)

        async def more(books: Reading) -> Response[str]:
            page = await _entries(books, owner_id, asset, before, most)
            return desk.page(
                request, "entries_part.html", owner_id=owner_id, asset=asset, page=page
            )

        return await desk.books.read(more)

    @get("/verify")
    async def verify(request: Asked) -> Response[str]:
        owner_id = owner_of(request)
        template = "verified_part.html" if is_partial(request) else "verified.html"

        async def recompute(books: Reading) -> Response[str]:
            found = await books.rows(queries.VERIFY, owner_id=owner_id)
            accounts = await books.rows(queries.ACCOUNTS, owner_id=owner_id)
            return desk.page(
                request,
                template,
                owner_id=owner_id,
                found=found,
                accounts=accounts,
                statements=books.statements,
            )

        return await desk.books.read(recompute)

    return [owner, entries, verify]


def _page_of(request: Asked) -> tuple[int, int]:
    return (
        number_of(request, "before", _NEWEST),
        min(MAX_ROWS, number_of(request, "rows", _ENTRIES)),
    )


async def _owner(
    desk: Desk,
    request: Asked,
    books: Reading,
    owner_id: str,
    asked: str | None,
    span: str,
    before: int,
    most: int,
) -> Response[str]:
    accounts = await books.rows(queries.ACCOUNTS, owner_id=owner_id)
    assets = [account["asset"] for account in accounts]
    asset = asked or ("CREDIT" if "CREDIT" in assets or not assets else assets[0])
    if asset not in assets:
        return desk.page(
            request,
            "unknown_owner.html",
            404,
            owner_id=owner_id,
            asset=asset,
            assets=assets,
            statements=books.statements,
        )
    account = next(account for account in accounts if account["asset"] == asset)
    of_account: dict[str, Any] = {"owner_id": owner_id, "asset": asset}
    timeline = await books.rows(queries.TIMELINE, **of_account, span=_SPANS[span][1])
    forecast = await books.rows(queries.FORECAST, **of_account, most=MAX_ROWS + 1)
    lots = await books.rows(queries.LOTS, **of_account, most=MAX_ROWS + 1)
    more_lots = 0
    if len(lots) > MAX_ROWS:
        after = {"after_seq": lots[MAX_ROWS - 1]["seq"]}
        more_lots = (await books.row(queries.MORE_LOTS, **of_account, **after))["lots"]
    parts = await books.rows(queries.PARTS, **of_account, most=MAX_ROWS + 1)
    actions = await books.rows(queries.ACTIONS, **of_account, most=MAX_ROWS + 1)
    return desk.page(
        request,
        "owner.html",
        span=span,
        spans={name: label for name, (label, _) in _SPANS.items()},
        timeline=timeline,
        curve=_curve(timeline, forecast, _SPANS[span][1]),
        forecast=forecast,
        lots=lots[:MAX_ROWS],
        # Without classes and limits the lots say it all.
        parts=parts if any(map(use, parts)) else [],
        more_lots=more_lots,
        **of_account,
        accounts=accounts,
        account=account,
        done=_done(request, account, actions),
        balance=await books.row(queries.BALANCE, **of_account),
        page=await _entries(books, owner_id, asset, before, most),
        before=None if before == _NEWEST else before,
        holds=await books.rows(queries.HOLDS, **of_account, most=MAX_ROWS + 1),
        ended_holds=await books.rows(queries.ENDED_HOLDS, **of_account),
        claims=await books.rows(queries.CLAIMS, **of_account),
        allowances=await books.rows(queries.ALLOWANCES, **of_account, most=MAX_ROWS + 1),
        budgets=await books.rows(queries.BUDGETS, **of_account, most=MAX_ROWS + 1),
        actions=actions,
        statements=books.statements,
    )


def _done(request: Asked, account: Row, actions: Sequence[Row]) -> dict[str, Any] | None:
    """Say what an action has done to the account, if that is so."""
    seq = number_of(request, "seq", 0)
    recorded = [(row["action"], row["seq"]) for row in actions]
    match text_of(request, "done"):
        case "adjust" if ("adjust_balance", seq) in recorded:
            return {"words": "The adjustment is recorded as", "seq": seq}
        case "reverse" if ("reverse_entry", seq) in recorded:
            return {"words": "The reversal is recorded as", "seq": seq}
        case "end-allowance" if any(action == "end_allowance" for action, _ in recorded):
            return {"words": "The end of the allowance is noted below.", "seq": None}
        case "freeze" if account["frozen_at"] is not None:
            return {"words": "The account is frozen now.", "seq": None}
        case "unfreeze" if account["frozen_at"] is None:
            return {"words": "The account is not frozen any more.", "seq": None}
        case "floor":
            floor = amount(account["min_balance"])
            return {"words": f"The floor of the account is {floor} now.", "seq": None}
    return None


async def _entries(
    books: Reading, owner_id: str, asset: str, before: int, most: int
) -> dict[str, Any]:
    """Read a page of entries, and the seq before which the next page begins."""
    rows = await books.rows(
        queries.ENTRIES, owner_id=owner_id, asset=asset, before=before, most=most + 1
    )
    shown = rows[:most]
    return {
        "rows": shown,
        "most": most,
        "next": shown[-1]["seq"] if len(rows) > most else None,
    }


def _curve(timeline: Sequence[Row], forecast: Sequence[Row], span: timedelta | None) -> str:
    """Encode what the script draws: the past until now, and what will come by the clock.

    What comes later than half of the span is left out, so that the past keeps its room.
    """
    now = datetime.now(UTC)
    ahead = span / 2 if span else timedelta(days=365)
    # Of what happens at one moment, the last: a renewal takes credits, and gives others.
    coming = [*{event["at"]: event for event in forecast if event["at"] <= now + ahead}.values()]
    if coming:
        # The last step is seen to go on.
        coming.append({**coming[-1], "at": coming[-1]["at"] + ahead / 10})
    return msgspec.json.encode(
        {
            "now": now.timestamp(),
            "past": _columns(timeline),
            "coming": _columns(coming),
        }
    ).decode()


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {
        "at": [row["at"].timestamp() for row in rows],
        "balance": [row["balance"] for row in rows],
        "available": [
            None if row["held"] is None else row["balance"] - row["held"] for row in rows
        ],
    }
