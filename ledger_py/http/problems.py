"""Problems: the answers to requests that fail (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any, Final, Literal

import msgspec
import psycopg
from litestar.exceptions import HTTPException
from msgspec import Meta

from ledger_py.errors import (
    ERRORS_BY_SQLSTATE,
    BudgetExceeded,
    InvalidRequest,
    LedgerError,
)
from ledger_py.http.addresses import prefix
from ledger_py.sessions import NoAnswer

__all__ = (
    "FAILURES",
    "PROBLEM_MEDIA_TYPE",
    "PROBLEM_TYPES",
    "REQUESTS_INSTEAD",
    "Outcome",
    "Problem",
    "ProblemType",
    "problem_of",
)

PROBLEM_MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_SECONDS = 1
"""The Retry-After of every 503: each of its causes passes by itself. The least of all others."""

REQUESTS_INSTEAD: Final[Mapping[str, str]] = {
    "balance_parts": "GET /ledger/{owner_id}/parts",
    "budgets_of": "GET /ledger/{owner_id}/budgets",
    "end_allowance": "POST /ledger/allowances/{nonce}/end",
    "operation_sets": "GET /operations",
    "reverse_entry": "POST /ledger/reversals",
    "transfer_credits": "POST /ledger/transfers",
}
"""The requests that do what functions and views of the ledger do, as far as its advice names any.

What is for operators has none.
"""
_NAME_IN_SQL: Final = re.compile(r"\bledger\.([a-z_]+)")

Outcome = Literal["refused", "invalid", "unavailable", "failed"]
"""The cause of a failure: a rule of the ledger, the request, the database, or the service."""


class ProblemType(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of problem; its page is what `type` of a problem points to."""

    code: Annotated[str, Meta(description="The name of the kind, such as `insufficient_balance`.")]
    status: Annotated[int, Meta(description="The HTTP status that goes with it.")]
    title: Annotated[str, Meta(description="What it is, in a few words.")]
    meaning: Annotated[str, Meta(description="What it means, in a sentence.")]

    @property
    def uri(self) -> str:
        """The address of its page, relative to the service."""
        return f"/problems/{self.code}"


def _title(code: str) -> str:
    return code.replace("_", " ").capitalize().replace("json", "JSON")


def _type_of_refusal(error: type[LedgerError]) -> ProblemType:
    meaning = (error.__doc__ or "").partition("\n")[0]
    return ProblemType(
        code=error.code, status=error.status, title=_title(error.code), meaning=meaning
    )


def _type_of_service(code: str, status: HTTPStatus, meaning: str) -> ProblemType:
    return ProblemType(code=code, status=status.value, title=_title(code), meaning=meaning)


_INTERNAL = _type_of_service(
    "internal_error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The service failed in a way that it did not foresee. Its log tells more, under the id in the"
    " header X-Request-ID.",
)
_UNAVAILABLE = _type_of_service(
    "database_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database cannot be reached, or has no connection free. Repeat the request with its nonce.",
)
_BUSY = _type_of_service(
    "database_busy",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many requests are waiting, or the database took too long, or gave way to another request;"
    " nothing was recorded. Repeat the request with its nonce.",
)
_UNKNOWN_STATUS = _type_of_service(
    "bad_request", HTTPStatus.BAD_REQUEST, "The request is not one that HTTP allows."
)

# A refusal with status 500 would be a fault of the service, so it is an internal error.
PROBLEM_TYPES: Mapping[str, ProblemType] = {
    kind.code: kind
    for kind in (
        *(_type_of_refusal(error) for error in ERRORS_BY_SQLSTATE.values() if error.status != 500),
        _UNKNOWN_STATUS,
        _type_of_service(
            "unknown_host",
            HTTPStatus.MISDIRECTED_REQUEST,
            "The service does not serve the host that the header Host names.",
        ),
        _type_of_service(
            "cross_origin",
            HTTPStatus.FORBIDDEN,
            "A page of another site may have sent this request; it could record something.",
        ),
        _type_of_service(
            "malformed_json", HTTPStatus.BAD_REQUEST, "The body is not JSON encoded as UTF-8."
        ),
        _type_of_service("not_found", HTTPStatus.NOT_FOUND, "There is nothing at this address."),
        _type_of_service(
            "method_not_allowed",
            HTTPStatus.METHOD_NOT_ALLOWED,
            "The address does not take this method; the header Allow names those that it does.",
        ),
        _type_of_service(
            "body_too_large",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "The body is larger than this service reads.",
        ),
        _type_of_service(
            "unsupported_media_type",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body must be sent as Content-Type: application/json, not compressed.",
        ),
        _type_of_service(
            "not_ready",
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The service cannot answer requests at this time; `checks` says why.",
        ),
        _UNAVAILABLE,
        _BUSY,
        _INTERNAL,
    )
}
"""Every kind of problem that a service answers with, by code."""

_CODE_BY_STATUS = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}


class Problem(Exception):
    """A request that failed, and the answer that says why.

    Args:
        code: The kind of problem, one of PROBLEM_TYPES.
        detail: The description of this case, for people; the meaning of the kind if left out.
        values: The values of this case, for programs; become members of the answer.
        headers: Header fields of the answer.
        outcome: The outcome in the log; it follows from the status if left out.
    """

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        values: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        outcome: Outcome | None = None,
    ) -> None:
        self.type = PROBLEM_TYPES[code]
        self.detail = detail or self.type.meaning
        super().__init__(self.detail)
        self.values = values or {}
        self.headers = tuple(headers)
        if self.type.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers += (("retry-after", str(RETRY_AFTER_SECONDS)),)
        self.outcome = outcome or _outcome(self.type.status)

    @classmethod
    def of_field(cls, field: str, reason: str, *, hint: str | None = None) -> Problem:
        """Make the problem of one field of a request.

        Args:
            field: The name of the field, parameter or header.
            reason: The fault of the field.
            hint: Advice for the caller.
        """
        values = {"field": field, "reason": reason} | ({"hint": hint} if hint else {})
        return cls(InvalidRequest.code, f"{field}: {reason}", values=values)

    def encode(self) -> bytes:
        """Encode the body of the answer."""
        return msgspec.json.encode(self.members())

    def members(self) -> dict[str, Any]:
        """List the members of the body."""
        members: dict[str, Any] = {
            "type": prefix() + self.type.uri,
            "title": self.type.title,
            "status": self.type.status,
            "detail": self.detail,
            "code": self.type.code,
        }
        return members | {k: v for k, v in self.values.items() if k not in members}


def _outcome(status: int) -> Outcome:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "unavailable"
    return "invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"


def problem_of(error: Exception) -> Problem:
    """Turn an exception into the problem to answer with.

    Nothing goes into it that is not meant for the caller.

    Args:
        error: The exception.
    """
    match error:
        case Problem():
            return error
        case LedgerError():
            return _problem_of_refusal(error)
        case psycopg.OperationalError():
            return _problem_of_database(error)
        case psycopg.errors.ReadOnlySqlTransaction():
            # After a failover, connections may still lead to the server that was demoted.
            return Problem(_UNAVAILABLE.code, "The database is read-only at this time.")
        case HTTPException():
            return _problem_of_http(error)
    return Problem(_INTERNAL.code, "The service failed. Nothing more is known to the caller.")


def _problem_of_refusal(error: LedgerError) -> Problem:
    if error.code not in PROBLEM_TYPES:
        return problem_of(RuntimeError(error.code))
    if isinstance(error, InvalidRequest) and "field" in error.detail:
        detail = f"{error.detail['field']}: {error.detail.get('reason', error.message)}"
    else:
        detail = error.message
    values = error.detail | ({"hint": _over_http(error.hint)} if error.hint else {})
    outcome: Outcome = "invalid" if isinstance(error, InvalidRequest) else "refused"
    return Problem(error.code, detail, values=values, headers=_retry_after(error), outcome=outcome)


def _over_http(hint: str) -> str:
    """Name requests instead of the functions and views that advice of the ledger names."""
    return _NAME_IN_SQL.sub(lambda name: REQUESTS_INSTEAD.get(name[1], name[0]), hint)


def _retry_after(error: LedgerError) -> Sequence[tuple[str, str]]:
    resets_at = error.detail.get("resets_at") if isinstance(error, BudgetExceeded) else None
    if not resets_at:
        return ()
    left = datetime.fromisoformat(resets_at) - datetime.now(UTC)
    return (("retry-after", str(max(RETRY_AFTER_SECONDS, ceil(left.total_seconds())))),)


# SQLSTATEs with which the server gives up one statement.
_BUSY_SQLSTATES = {
    "40001": "The entry collided with another one.",
    "40P01": "The entry and another one waited for each other.",
    "55P03": "The account was locked for too long.",
    "57014": "The database took too long.",
}


FAILURES: Mapping[str, str] = {
    "53100": "fails: its disk is full",
    "53200": "fails: it is out of memory",
    "53300": "fails: it has no connection free",
    "53400": "fails: a limit of its configuration is exceeded",
    "58030": "fails: it cannot read or write its files",
}
"""Faults of the database that its operator has to repair, by SQLSTATE."""


def _problem_of_database(error: psycopg.OperationalError) -> Problem:
    sqlstate = error.sqlstate or ""
    if sqlstate in _BUSY_SQLSTATES:
        return Problem(_BUSY.code, _BUSY_SQLSTATES[sqlstate])
    if sqlstate in FAILURES:
        return Problem(_UNAVAILABLE.code, f"The database {FAILURES[sqlstate]}.")
    if isinstance(error, NoAnswer):
        return Problem(_UNAVAILABLE.code, "The database did not answer in time.")
    return Problem(_UNAVAILABLE.code, "The database cannot be reached at this time.")


def _problem_of_http(error: HTTPException) -> Problem:
    """Translate what Litestar raises: no such route, wrong method, bad Host header."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem_of(RuntimeError(error.detail))
    kind = PROBLEM_TYPES[_CODE_BY_STATUS.get(HTTPStatus(error.status_code), _UNKNOWN_STATUS.code)]
    detail = error.detail if kind is _UNKNOWN_STATUS else kind.meaning
    return Problem(kind.code, detail, headers=tuple((error.headers or {}).items()))
