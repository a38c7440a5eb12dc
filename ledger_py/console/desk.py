"""What the handlers of all pages share: the books, the sessions, and how a page is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import jinja2
import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from ledger_py.console import showing
from ledger_py.console.access import LIFE, Access
from ledger_py.console.asking import Asked, Refused
from ledger_py.console.books import Books

__all__ = ("Desk", "is_partial")


def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("ledger_py.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "amount": showing.amount,
        "brief": showing.brief,
        "lines": showing.lines,
        "plain": showing.plain,
        "signed": showing.signed,
        "moment": showing.moment,
        "relative": showing.relative,
        "said": showing.said,
        "use": showing.use,
    }
    templates.globals["address"] = showing.address
    return templates


class Desk(msgspec.Struct, kw_only=True):
    """The parts of one console.

    Attributes:
        books: The ledger, to be read.
        access: Tokens and sessions.
        login: The name with which the console logs in to the database.
        operator: Operators' actions are offered.
        cookie: The name of the cookie that holds the secret of a session.
        secure: The cookie is sent over TLS only.
        sums_take_long: Adding up all entries took too long; it is not tried again unasked.
    """

    books: Books
    access: Access
    login: str = ""
    operator: bool = False
    cookie: str = "ledger_console"
    secure: bool = False
    sums_take_long: bool = False
    templates: jinja2.Environment = msgspec.field(default_factory=_templates)

    def page(
        self, request: Asked, template: str, status: int = 200, **values: Any
    ) -> Response[str]:
        """Make a page.

        Args:
            request: The request that is answered.
            template: The file of the template.
            status: The HTTP status.
            values: What the template shows.
        """
        secret = self.session_of(request)
        content = self.templates.get_template(template).render(
            desk=self,
            # Addresses are relative, so that a proxy may serve the console below a path.
            root="../" * (request.url.path.count("/") - 1),
            form_token=self.access.form_token(secret) if secret else "",
            q=request.query_params.get("q", ""),
            **values,
        )
        return Response(content, status_code=status, media_type="text/html")

    def session_of(self, request: Asked) -> str | None:
        """Get the secret of the session in which a request is made."""
        secret = request.cookies.get(self.cookie)
        return secret if self.access.is_session(secret) else None

    def session_cookie(self, secret: str | None) -> Cookie:
        """Make the cookie of a session, or (without a secret) the one that removes it."""
        return Cookie(
            key=self.cookie,
            value=secret or "",
            max_age=int(LIFE) if secret else 0,
            httponly=True,
            secure=self.secure,
            samesite="strict",
        )

    async def form(self, request: Asked) -> Mapping[str, str]:
        """Read a form that was sent from a page of this console.

        Every handler of a POST begins with this.

        Raises:
            Refused: The form does not hold the token of the session.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Refused(415, "Not a form", "Use the buttons of the pages.")
        body = await request.body()
        try:
            fields = dict(parse_qsl(body.decode("ascii"), strict_parsing=True, errors="strict"))
        except ValueError:
            raise Refused(422, "Not a form", "Use the buttons of the pages.") from None
        secret = self.session_of(request)
        if secret is None or not self.access.is_form_token(secret, fields.get("form_token", "")):
            raise Refused(
                403,
                "This form has expired",
                "It was not sent from a page of your session. Go back, reload, and try again.",
            )
        return fields


def is_partial(request: Asked) -> bool:
    """Tell whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"
