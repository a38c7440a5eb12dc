"""Scripts and styles, as files of the package."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from ledger_py.console.desk import Desk

__all__ = ("handlers",)

_TYPES: Final = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
}


def handlers(_desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/static/{name:str}", sync_to_thread=True)
    def static(name: FromPath[str]) -> Response[bytes]:
        if name not in _TYPES:
            raise NotFoundException
        content = files("ledger_py.console").joinpath("static", name).read_bytes()
        return Response(content, media_type=_TYPES[name])

    return [static]
