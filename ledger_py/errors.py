"""The refusals of the ledger as exceptions, one class per SQLSTATE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

__all__ = (
    "ERRORS_BY_SQLSTATE",
    "AccountFrozen",
    "AmountOutOfBounds",
    "AppendOnly",
    "ClaimLimitReached",
    "EntryNotFound",
    "HoldClosed",
    "HoldNotFound",
    "InsufficientBalance",
    "InvalidRequest",
    "LedgerError",
    "NonceConflict",
    "NotAuthorized",
    "OperationInUse",
    "OperationNotAllowed",
    "OperationRuleInconsistent",
    "OperationSetIncomplete",
    "ReversalExceedsOriginal",
    "UnknownApp",
    "UnknownOperation",
    "refusal_of_code",
    "translate",
)


class LedgerError(Exception):
    """The ledger refused a request; the base of every refusal.

    The class itself stands for a refusal whose SQLSTATE this version does not know.

    Args:
        message: What was refused, for people; constant per code.
        detail: The values of the refusal.
        hint: Advice for the caller.
        code: The name of the refusal, when it is not the class's own.
        sqlstate: Its SQLSTATE, when it is not the class's own.

    Attributes:
        code: The name of the refusal in JSON, such as ``insufficient_balance``.
        sqlstate: The SQLSTATE that the database raises it with.
        status: The HTTP status that it is answered with.
        message: What was refused, for people.
        detail: The values of the refusal; which ones, each class says.
        hint: Advice for the caller, or None.
    """

    code: str = "ledger_error"
    sqlstate: str = ""
    status: int = 500

    def __init__(
        self,
        message: str,
        *,
        detail: Mapping[str, Any] | None = None,
        hint: str | None = None,
        code: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        """Keep the parts; see the class."""
        super().__init__(message)
        self.message = message
        self.detail = dict(detail or {})
        self.hint = hint
        if code is not None:
            self.code = code
        if sqlstate is not None:
            self.sqlstate = sqlstate

    def __str__(self) -> str:
        """Give the message, the values of the refusal, and the advice."""
        text = self.message
        if self.detail:
            text += f" ({', '.join(f'{name}: {value}' for name, value in self.detail.items())})"
        if self.hint:
            text += f" Hint: {self.hint}"
        return text


class InvalidRequest(LedgerError):
    """A parameter is missing, of the wrong type, too long or otherwise not acceptable.

    Raised by the database, and by the client before anything is sent for what could not even be
    sent (a float as amount, a NUL character, an integer beyond 64 bits).

    Detail: ``field``, ``reason``. Data that the server could not read carries only ``reason``. Some
    reasons come with the values that they speak of, such as ``operation`` or ``min_amount``.
    """

    code = "invalid_request"
    sqlstate = "LG001"
    status = 422

    @classmethod
    def of_field(cls, field: str, reason: str) -> InvalidRequest:
        """Make the refusal of one parameter.

        Args:
            field: The parameter's name.
            reason: What is wrong with it, such as ``must be an integer, not float``.

        Returns:
            The exception, to be raised by the caller.
        """
        return cls._refused_here({"field": field, "reason": reason})

    @classmethod
    def of_unreadable_data(cls, reason: str) -> InvalidRequest:
        """Make the refusal of data that the driver or the server could not read.

        Args:
            reason: What is wrong with it.

        Returns:
            The exception, to be raised by the caller.
        """
        return cls._refused_here({"reason": reason})

    @classmethod
    def _refused_here(cls, detail: Mapping[str, Any]) -> InvalidRequest:
        # The words are those of the database, so that callers see one refusal and not two.
        return cls(
            "The request is not well formed.",
            detail=detail,
            hint="Correct the field that the detail names.",
        )


class AmountOutOfBounds(LedgerError):
    """The amount is outside the operation's bounds, or of the wrong sign.

    Detail: ``amount``, ``min_amount``, ``max_amount``; ``operation`` when its bounds are meant, and
    not those of a hold, a reversal or an adjustment. The hint says the amount that was probably
    meant when only the sign is wrong.
    """

    code = "amount_out_of_bounds"
    sqlstate = "LG002"
    status = 422


class UnknownApp(LedgerError):
    """No app of this name is registered.

    Detail: ``app``.
    """

    code = "unknown_app"
    sqlstate = "LG101"
    status = 404


class UnknownOperation(LedgerError):
    """No operation of this name exists.

    Detail: ``app``, ``operation``.
    """

    code = "unknown_operation"
    sqlstate = "LG102"
    status = 422


class OperationNotAllowed(LedgerError):
    """The operation exists, but is not in this app's set, or has been retired.

    Detail: ``app``, ``operation``; ``retired_at`` when it has been retired.
    """

    code = "operation_not_allowed"
    sqlstate = "LG103"
    status = 422


class EntryNotFound(LedgerError):
    """The app has recorded no entry with this nonce.

    Detail: ``app``, ``original_nonce``.
    """

    code = "entry_not_found"
    sqlstate = "LG104"
    status = 404


class HoldNotFound(LedgerError):
    """The app has placed no hold with this nonce.

    Detail: ``app``, ``hold_nonce``.
    """

    code = "hold_not_found"
    sqlstate = "LG105"
    status = 404


class NonceConflict(LedgerError):
    """The nonce has been used by a different request of the app.

    Detail: ``app``, ``nonce``.
    """

    code = "nonce_conflict"
    sqlstate = "LG201"
    status = 409


class InsufficientBalance(LedgerError):
    """The account has less available than the request would take.

    Detail: ``owner_id``, ``asset``, ``available``, ``required``, and ``min_balance``, the floor of
    the account; without ``required`` when it is the floor that was to be raised.
    """

    code = "insufficient_balance"
    sqlstate = "LG301"
    status = 402


class ClaimLimitReached(LedgerError):
    """The operation has been claimed as often as it may be in this period.

    Detail: ``next_eligible_at``, null when it can never be claimed again; and the limit that holds:
    ``operation``, ``limited`` (whom it counts), ``claim_limit``, ``claim_period``.
    """

    code = "claim_limit_reached"
    sqlstate = "LG302"
    status = 409


class AccountFrozen(LedgerError):
    """An operator has frozen the account.

    Detail: ``owner_id``, ``asset``, ``frozen_at``.
    """

    code = "account_frozen"
    sqlstate = "LG303"
    status = 409


class HoldClosed(LedgerError):
    """The hold has been captured or released, or has expired.

    Detail: ``app``, ``hold_nonce``, ``status`` (``captured``, ``released`` or ``expired``) and
    ``closed_at``.
    """

    code = "hold_closed"
    sqlstate = "LG304"
    status = 409


class ReversalExceedsOriginal(LedgerError):
    """The reversals of the entry would exceed the entry.

    Detail: ``original_nonce``, ``original_amount`` (signed), ``amount`` (what was asked for), and
    what became of the original: ``reversed``, ``expired``, ``reversible`` (what is left).
    """

    code = "reversal_exceeds_original"
    sqlstate = "LG305"
    status = 409


class NotAuthorized(LedgerError):
    """The role that the connection logged in with may not act for this app.

    Detail: ``app``, ``role``.
    """

    code = "not_authorized"
    sqlstate = "LG401"
    status = 403


class AppendOnly(LedgerError):
    """Something tried to change or delete what the ledger keeps for ever.

    Detail: ``attempted``, the action.
    """

    code = "append_only"
    sqlstate = "LG901"
    status = 500


class OperationSetIncomplete(LedgerError):
    """A change would leave an app without one of the shared operations.

    Detail: ``operation``, and the ``app`` that would lack it.
    """

    code = "operation_set_incomplete"
    sqlstate = "LG902"
    status = 500


class OperationInUse(LedgerError):
    """A change would delete or rename what entries refer to.

    Detail: ``attempted``, the action; ``operation``, and ``app`` when it is about one app's set.
    """

    code = "operation_in_use"
    sqlstate = "LG903"
    status = 500


class OperationRuleInconsistent(LedgerError):
    """An app's default or bounds would not fit within the operation's.

    Detail: ``app``, ``operation``.
    """

    code = "operation_rule_inconsistent"
    sqlstate = "LG904"
    status = 500


ERRORS_BY_SQLSTATE: Mapping[str, type[LedgerError]] = {
    error.sqlstate: error
    for error in (
        InvalidRequest,
        AmountOutOfBounds,
        UnknownApp,
        UnknownOperation,
        OperationNotAllowed,
        EntryNotFound,
        HoldNotFound,
        NonceConflict,
        InsufficientBalance,
        ClaimLimitReached,
        AccountFrozen,
        HoldClosed,
        ReversalExceedsOriginal,
        NotAuthorized,
        AppendOnly,
        OperationSetIncomplete,
        OperationInUse,
        OperationRuleInconsistent,
    )
}
"""The exception class of every SQLSTATE that the ledger raises."""

_ERRORS_BY_CODE = {error.code: error for error in ERRORS_BY_SQLSTATE.values()}

_SQLSTATE_PREFIX = "LG"

# Refusals of the server itself that can only come from the values of a request.
_UNREADABLE_DATA = {
    "22003": "a number is out of range",
    "22007": "a time cannot be read",
    "22008": "a time is out of range",
    "22021": "a text is not valid in the encoding of the database",
    "22P02": "a value cannot be read",
    "22P05": "a text holds a character that the database cannot store",
    "54001": "a value is nested too deeply",
}


def refusal_of_code(
    code: str, message: str, *, detail: Mapping[str, Any], hint: str | None
) -> LedgerError:
    """Make the exception for a refusal that the database returned instead of raising it.

    Args:
        code: The name of the refusal.
        message: What was refused, for people.
        detail: The values of the refusal.
        hint: Advice for the caller.

    Returns:
        The exception, to be raised by the caller.
    """
    error_class = _ERRORS_BY_CODE.get(code, LedgerError)
    return error_class(message, detail=detail, hint=hint, code=code)


def translate(error: psycopg.Error) -> LedgerError | None:
    """Find the ledger's exception for an error of psycopg.

    Args:
        error: What psycopg raised.

    Returns:
        The exception for a refusal of the ledger, by its SQLSTATE; InvalidRequest for data that the
        server or the driver cannot take; None for any other error, which is to be raised unchanged.
    """
    sqlstate = error.sqlstate
    if sqlstate is None:
        # The driver's own DataError: it could not turn a parameter into what the server reads.
        if isinstance(error, psycopg.DataError):
            return InvalidRequest.of_unreadable_data(str(error))
        return None
    if sqlstate.startswith(_SQLSTATE_PREFIX):
        diagnosis = error.diag
        error_class = ERRORS_BY_SQLSTATE.get(sqlstate, LedgerError)
        return error_class(
            diagnosis.message_primary or str(error),
            detail=_decode_detail(diagnosis.message_detail),
            hint=diagnosis.message_hint,
            sqlstate=sqlstate,
        )
    if sqlstate in _UNREADABLE_DATA:
        return InvalidRequest.of_unreadable_data(_UNREADABLE_DATA[sqlstate])
    return None


def _decode_detail(text: str | None) -> dict[str, Any]:
    """Read the values of a refusal; text that is not a JSON object gives none."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
