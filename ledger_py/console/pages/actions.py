"""Operators' actions: a form, what it would do, and then the action itself."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from psycopg import errors

from ledger_py.console import queries
from ledger_py.console.asking import Asked, Refused, asset_of, number_of, owner_of, text_of
from ledger_py.console.books import Reading, Row
from ledger_py.console.desk import Desk
from ledger_py.console.showing import address
from ledger_py.errors import InvalidRequest, LedgerError, translate

__all__ = ("handlers",)

_GROUPING: Final = re.compile(r"[\s\N{NARROW NO-BREAK SPACE}]")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


class _Action(msgspec.Struct, frozen=True):
    """One kind of action.

    Attributes:
        name: The address of its pages.
        query: Runs it.
        number: The field of its form that holds a number, if one does.
        of_an_entry: True if it is about an entry. Its number may be left out.
        of_an_allowance: True if it is about an allowance.
    """

    name: str
    query: str
    number: str | None = None
    of_an_entry: bool = False
    of_an_allowance: bool = False


_ACTIONS: Final = (
    _Action("adjust", queries.ADJUST, "amount"),
    _Action("reverse", queries.REVERSE, "amount", of_an_entry=True),
    _Action("end-allowance", queries.END_ALLOWANCE, of_an_allowance=True),
    _Action("freeze", queries.FREEZE),
    _Action("unfreeze", queries.UNFREEZE),
    _Action("floor", queries.SET_FLOOR, "min_balance"),
)


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a form.

    Attributes:
        number: The amount or the floor, as it was typed.
        nonce: Drawn with the form, so that sending it twice is a replay.
        seq: The entry that is reversed.
        free_claim: Let what is reversed be claimed again.
        app: The app of the allowance that is ended.
        allowance_nonce: Its nonce.
        at: When it ends, as it was typed.
        forfeit: Take what is left of it, too.
    """

    owner_id: str
    asset: str
    actor: str
    reason: str = ""
    number: str = ""
    nonce: str
    seq: int | None = None
    free_claim: bool = False
    app: str = ""
    allowance_nonce: str = ""
    at: str = ""
    forfeit: bool = False

    def values(self, action: _Action, entry: Row | None) -> dict[str, Any]:
        """Give the values of the query.

        Args:
            action: The action.
            entry: The entry that it is about.

        Raises:
            InvalidRequest: The number is none, or the time.
        """
        values: dict[str, Any] = {
            "owner_id": self.owner_id,
            "asset": self.asset,
            "actor": self.actor,
            "reason": self.reason,
            "nonce": self.nonce,
        }
        if entry:
            values |= {
                "app": entry["app"],
                "original_nonce": entry["nonce"],
                "free_claim": self.free_claim,
            }
        if action.of_an_allowance:
            values |= {
                "app": self.app,
                "allowance_nonce": self.allowance_nonce,
                "at": _time("at", self.at),
                "forfeit": self.forfeit,
            }
        if action.number:
            is_left_out = action.of_an_entry and not self.number.strip()
            values[action.number] = None if is_left_out else _whole(action.number, self.number)
        return values


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did, or would do.

    Attributes:
        before: The account before it.
        after: The account after it.
        entry: What was recorded.
    """

    before: Row
    after: Row
    entry: Row

    @property
    def changes(self) -> bool:
        """Tell whether the action changes anything."""
        if "replayed" in self.entry:
            return not self.entry["replayed"]
        return self.before != self.after


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""
    return [handler for action in _ACTIONS for handler in _handlers(desk, action)]


def _handlers(desk: Desk, action: _Action) -> list[HTTPRouteHandler]:
    @get(f"/{action.name}")
    async def ask(request: Asked) -> Response[str]:
        wish = _Wish(
            owner_id=owner_of(request),
            asset=asset_of(request) or "CREDIT",
            actor=desk.access.actor_of(desk.session_of(request) or ""),
            nonce=secrets.token_urlsafe(18),
            seq=number_of(request, "seq", 0) if action.of_an_entry else None,
            app=text_of(request, "app"),
            allowance_nonce=text_of(request, "allowance_nonce"),
        )
        return await desk.books.read(lambda books: _form(desk, request, books, action, wish))

    @post(f"/{action.name}", status_code=200)
    async def act(request: Asked) -> Response[Any]:
        fields = await desk.form(request)
        wish = _wish_of(fields, action)
        desk.access.remember_actor(desk.session_of(request) or "", wish.actor[:255])
        confirmed = "confirm" in fields
        try:
            return await desk.books.write(
                lambda books: _act(desk, request, books, action, wish, confirmed=confirmed),
                dry=not confirmed,
            )
        except (psycopg.Error, LedgerError) as error:
            refusal = _refusal_of(error, desk)
        # The account as it is, for the form to be mended.
        return await desk.books.read(
            lambda books: _form(desk, request, books, action, wish, refusal)
        )

    return [ask, act]


async def _form(
    desk: Desk,
    request: Asked,
    books: Reading,
    action: _Action,
    wish: _Wish,
    refusal: LedgerError | None = None,
) -> Response[str]:
    """Show the form, with what was wrong with it."""
    entry, allowance = await _entry(books, wish), await _allowance(books, action, wish)
    try:
        account = await _account(books, wish)
    except psycopg.Error as error:
        # An owner or an asset that no account can have: the refusal says so.
        if refusal is None or translate(error) is None:
            raise
        account = None
    return desk.page(
        request,
        "action.html",
        refusal.status if refusal else 200,
        action=action,
        wish=wish,
        entry=entry,
        allowance=allowance,
        account=account,
        refusal=refusal,
        outcome=None,
        statements=books.statements,
    )


async def _act(
    desk: Desk,
    request: Asked,
    books: Reading,
    action: _Action,
    wish: _Wish,
    *,
    confirmed: bool,
) -> Response[Any]:
    """Run the action; show what it would do unless it is confirmed."""
    entry, allowance = await _entry(books, wish), await _allowance(books, action, wish)
    values = wish.values(action, entry)
    before = await _account(books, wish)
    recorded = await books.row(action.query, **values)
    if confirmed:
        return Redirect(
            address(
                "owner",
                owner_id=wish.owner_id,
                asset=wish.asset,
                done=action.name,
                seq=recorded.get("seq"),
            ),
            status_code=303,
        )
    outcome = _Outcome(before=before, after=await _account(books, wish), entry=recorded)
    return desk.page(
        request,
        "action.html",
        action=action,
        wish=wish,
        entry=entry,
        allowance=allowance,
        account=before,
        refusal=None,
        outcome=outcome,
        statements=books.statements,
    )


async def _account(books: Reading, wish: _Wish) -> Row:
    return await books.row(queries.STATE, owner_id=wish.owner_id, asset=wish.asset)


async def _entry(books: Reading, wish: _Wish) -> Row | None:
    """Read the entry that an action is about."""
    if wish.seq is None:
        return None
    found = await books.rows(
        queries.TO_REVERSE, owner_id=wish.owner_id, asset=wish.asset, seq=wish.seq
    )
    if not found:
        raise _no_entry()
    return found[0]


async def _allowance(books: Reading, action: _Action, wish: _Wish) -> Row | None:
    """Read the allowance that an action is about."""
    if not action.of_an_allowance:
        return None
    found = await books.rows(
        queries.TO_END,
        owner_id=wish.owner_id,
        asset=wish.asset,
        app=wish.app,
        allowance_nonce=wish.allowance_nonce,
    )
    if not found:
        raise Refused(404, "No such allowance", "This account has no such allowance.")
    return found[0]


def _no_entry() -> Refused:
    return Refused(404, "No such entry", "This account has no entry of that number.")


def _wish_of(fields: Mapping[str, str], action: _Action) -> _Wish:
    seq = fields.get("seq", "")
    if action.of_an_entry and not re.fullmatch(r"[0-9]{1,18}", seq, re.ASCII):
        raise _no_entry()
    return _Wish(
        owner_id=fields.get("owner_id", ""),
        asset=fields.get("asset", ""),
        actor=_line(fields.get("actor", "")),
        reason=_line(fields.get("reason", "")),
        number=fields.get(action.number or "", ""),
        nonce=fields.get("nonce", ""),
        seq=int(seq) if action.of_an_entry else None,
        free_claim="free_claim" in fields,
        app=fields.get("app", ""),
        allowance_nonce=fields.get("allowance_nonce", ""),
        at=_line(fields.get("at", "")),
        forfeit="forfeit" in fields,
    )


def _line(text: str) -> str:
    """Make one line of a text, without blanks at its ends."""
    return " ".join(text.split())


def _whole(field: str, typed: str) -> int:
    """Read a whole number, also as the pages show it."""
    text = _GROUPING.sub("", typed).replace("\N{MINUS SIGN}", "-")
    if not _WHOLE.fullmatch(text):
        raise InvalidRequest.of_field(field, "must be a whole number, such as 10 or -10")
    return int(text)


def _time(field: str, typed: str) -> datetime | str | None:
    """Read a time in UTC, also as the pages show it; None for none, infinity for never."""
    if typed in ("", "now"):
        return None
    if typed == "never":
        return "infinity"
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        raise InvalidRequest.of_field(
            field, "must be a time in UTC, such as 2030-01-31 12:00, or now, or never"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _refusal_of(error: psycopg.Error | LedgerError, desk: Desk) -> LedgerError:
    """Get what the ledger says.

    Raises:
        Refused: The database did not come to an answer.
        psycopg.Error: The error is none that could be explained here.
    """
    if isinstance(error, LedgerError):
        return error
    match error:
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            raise Refused(
                503,
                "The account is locked",
                "The account is locked by another transaction, nothing was done. Go back and try"
                " again in a moment.",
            ) from error
        case errors.QueryCanceled():
            raise Refused(
                503,
                "It took too long",
                f"The database took longer than {desk.books.seconds:g} seconds, nothing was done."
                " Go back and try again when it is less busy.",
            ) from error
        case errors.InsufficientPrivilege():
            raise Refused(
                403,
                "The console may not do this",
                f"Its login {desk.login} is no member of ledger_operator. Nothing was done.",
            ) from error
        case errors.ReadOnlySqlTransaction():
            raise Refused(
                503,
                "The database is read-only",
                "Nothing was done. It may be a standby, or be in maintenance.",
            ) from error
    if (refusal := translate(error)) is None:
        raise error
    return refusal
