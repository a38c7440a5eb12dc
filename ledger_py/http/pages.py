"""The OpenAPI document at `/openapi.json`, and its pages: `/docs` and `/redoc`.

The pages need no internet: their assets come from the package `offapi`, which bundles Swagger UI
and ReDoc. A Content-Security-Policy keeps them from asking any other host. Only the package's files
are used, because importing it would read all of them into memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from ledger_py.http.addresses import path_as_sent, prefix

__all__ = ("pages",)

_ASSETS: Final = {
    "swagger-ui.js": ("swagger_bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger_style.css", "text/css"),
    "redoc.js": ("redoc.js", "text/javascript"),
}

_OF_ASSETS: Final = {"cache-control": "max-age=86400", "x-content-type-options": "nosniff"}

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # both make their styles while they run
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",  # ReDoc searches in one
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a page may load and ask: nothing from elsewhere. ReDoc would load its logo from a CDN, and
report how it is used to its makers; no option turns that off."""

_OF_PAGES: Final = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_SWAGGER_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{here}/docs/assets/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui" data-document="{here}/openapi.json"></div>
  <script src="{here}/docs/assets/swagger-ui.js"></script>
  <script src="{here}/docs/assets/start-swagger-ui.js"></script>
</body>
</html>
"""

# In files of their own, because the policy allows no scripts within a page.
_SCRIPTS: Final = {
    "start-swagger-ui.js": b"""\
SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null
});
""",
    "start-redoc.js": b"""\
import { init } from "./redoc.js";

const place = document.getElementById("redoc");
const response = await fetch(place.dataset.document);
const description = await response.json();
// ReDoc would take the address of a server as relative to its page, not to the document.
for (const server of description.servers) {
  server.url = new URL(server.url, response.url).href;
}
init(description, {}, place);
""",
}

_REDOC_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" href="data:,">
  <style>body {{ margin: 0 }}</style>
</head>
<body>
  <div id="redoc" data-document="{here}/openapi.json"></div>
  <script type="module" src="{here}/docs/assets/start-redoc.js"></script>
</body>
</html>
"""


def pages(document: Mapping[str, Any]) -> list[HTTPRouteHandler]:
    """Make the handlers of the pages.

    Args:
        document: The OpenAPI document of the service.
    """
    encoded = msgspec.json.encode(document)
    title = document["info"]["title"]

    @get("/", sync_to_thread=False)
    def root() -> Redirect:
        """Redirect to the documentation."""
        # Below a prefix, this page may have been asked for without the slash at its end.
        return Redirect(f"{prefix()}/docs" if prefix() else "docs")

    @get("/openapi.json", media_type="application/json", sync_to_thread=False)
    def openapi() -> bytes:
        """Serve the OpenAPI document."""
        return encoded

    @get("/docs", media_type="text/html", response_headers=_OF_PAGES, sync_to_thread=False)
    def swagger_ui(request: Request[Any, Any, Any]) -> str:
        """Show the document in Swagger UI."""
        return _SWAGGER_PAGE.format(title=title, here=_here(request))

    @get("/redoc", media_type="text/html", response_headers=_OF_PAGES, sync_to_thread=False)
    def redoc(request: Request[Any, Any, Any]) -> str:
        """Show the document in ReDoc."""
        return _REDOC_PAGE.format(title=title, here=_here(request))

    return [root, openapi, swagger_ui, redoc, _asset]


def _here(request: Request[Any, Any, Any]) -> str:
    """Get the way from a page to the root, which does not depend on a prefix of the address."""
    return ".." if path_as_sent(request.scope).endswith("/") else "."


@get("/docs/assets/{name:str}", sync_to_thread=True)
def _asset(name: FromPath[str]) -> Response[bytes]:
    """Serve a file that the pages load."""
    if name in _SCRIPTS:
        return Response(_SCRIPTS[name], media_type="text/javascript", headers=_OF_ASSETS)
    if name not in _ASSETS:
        raise NotFoundException
    file, media_type = _ASSETS[name]
    content = Path(str(distribution("offapi").locate_file(f"offapi/{file}"))).read_bytes()
    return Response(content, media_type=media_type, headers=_OF_ASSETS)
