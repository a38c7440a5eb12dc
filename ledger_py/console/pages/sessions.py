"""Signing out, and a one-time address for a further browser."""

from __future__ import annotations

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from ledger_py.console.asking import Asked
from ledger_py.console.desk import Desk

__all__ = ("handlers",)


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @post("/invite", status_code=200)
    async def invite(request: Asked) -> Response[str]:
        await desk.form(request)
        return desk.page(request, "invited.html", token=desk.access.new_token())

    @post("/leave", status_code=200)
    async def leave(request: Asked) -> Response[str]:
        await desk.form(request)
        secret = desk.session_of(request)
        if secret is not None:
            desk.access.end(secret)
        response = desk.page(request, "left.html")
        response.cookies.append(desk.session_cookie(None))
        return response

    return [invite, leave]
