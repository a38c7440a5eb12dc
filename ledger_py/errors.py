"""The refusals of the ledger as exceptions, one class per SQLSTATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import psycopg

ERRORS_BY_SQLSTATE: Final[dict[str, type[LedgerError]]] = {}
"""The exception class of every SQLSTATE that the ledger raises."""

_ERRORS_BY_CODE: Final[dict[str, type[LedgerError]]] = {}


class LedgerError(Exception):
    """The ledger refused a request; the base class of every refusal.

    A subclass states its code, SQLSTATE and HTTP status, which registers it::

        class UnknownApp(LedgerError, code="unknown_app", sqlstate="LG101", status=404): ...

    ``LedgerError`` itself is raised for refusals that this version does not know.

    Args:
        message: Text for people; constant per code.
        detail: The values of the refusal.
        hint: Advice for the caller.
        code: Overrides the code of the class.
        sqlstate: Overrides the SQLSTATE of the class.

    Attributes:
        code: The name of the refusal in JSON, such as ``insufficient_balance``.
        sqlstate: The SQLSTATE that the database raises.
        status: The HTTP status of the response.
        message: Text for people.
        detail: The values of the refusal; each class lists its own.
        hint: Advice for the caller, or None.
    """

    code: str = "ledger_error"
    sqlstate: str = ""
    status: int = 500

    def __init_subclass__(cls, *, code: str, sqlstate: str, status: int) -> None:
        super().__init_subclass__()
        cls.code, cls.sqlstate, cls.status = code, sqlstate, status
        ERRORS_BY_SQLSTATE[sqlstate] = _ERRORS_BY_CODE[code] = cls

    def __init__(
        self,
        message: str,
        *,
        detail: Mapping[str, Any] | None = None,
        hint: str | None = None,
        code: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = dict(detail or {})
        self.hint = hint
        if code is not None:
            self.code = code
        if sqlstate is not None:
            self.sqlstate = sqlstate

    @property
    def is_of_request(self) -> bool:
        """True if the request or its address is at fault, whatever the books say.

        Any other refusal answers one attempt only. An earlier attempt whose connection was lost
        may still be under way, and be recorded when the books allow it.
        """
        return self.status in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.MISDIRECTED_REQUEST)

    def __str__(self) -> str:
        text = self.message
        if self.detail:
            text += f" ({', '.join(f'{name}: {value}' for name, value in self.detail.items())})"
        if self.hint:
            text += f" Hint: {self.hint}"
        return text


class InvalidRequest(LedgerError, code="invalid_request", sqlstate="LG001", status=422):
    """A parameter is missing, of the wrong type, too long or otherwise not acceptable.

    Raised by the database. The client raises it too, without sending anything, for values that
    cannot be sent: a float as amount, a NUL character, an integer beyond 64 bits.

    Detail: ``field``, ``reason``; only ``reason`` for data that the server could not read. Some
    reasons add the values they refer to, such as ``operation`` or ``min_amount``.
    """

    @classmethod
    def of_field(cls, field: str, reason: str) -> InvalidRequest:
        """Build the refusal of one parameter.

        Args:
            field: The parameter's name.
            reason: The fault, such as ``must be an integer, not float``.

        Returns:
            The exception, for the caller to raise.
        """
        return cls._refused_here({"field": field, "reason": reason})

    @classmethod
    def of_unreadable_data(cls, reason: str) -> InvalidRequest:
        """Build the refusal of data that the driver or the server could not read.

        Args:
            reason: The fault.

        Returns:
            The exception, for the caller to raise.
        """
        return cls._refused_here({"reason": reason})

    @classmethod
    def _refused_here(cls, detail: Mapping[str, Any]) -> InvalidRequest:
        # The same text as in the database: callers see one refusal, whoever raised it.
        return cls(
            "The request is not well formed.",
            detail=detail,
            hint="Correct the field that the detail names.",
        )


class AmountOutOfBounds(LedgerError, code="amount_out_of_bounds", sqlstate="LG002", status=422):
    """The amount is outside the operation's bounds, or of the wrong sign.

    Detail: ``amount``, ``min_amount``, ``max_amount``; also ``operation``, unless the bounds are
    those of a hold, a reversal or an adjustment; ``quantity`` and its price (``unit_amount``,
    ``unit_size``, ``rounding``) where these make the amount; and of a growth ``by``, ``min_by``
    and ``max_by``. If only the sign is wrong, the hint suggests the amount that was probably meant.
    """


class UnknownApp(LedgerError, code="unknown_app", sqlstate="LG101", status=404):
    """No app of this name is registered.

    Detail: ``app``.
    """


class UnknownOperation(LedgerError, code="unknown_operation", sqlstate="LG102", status=422):
    """No operation of this name exists.

    Detail: ``app``, ``operation``.
    """


class OperationNotAllowed(LedgerError, code="operation_not_allowed", sqlstate="LG103", status=422):
    """The operation exists, but is not in this app's set, or has been retired.

    Detail: ``app``, ``operation``; ``retired_at`` when it has been retired.
    """


class EntryNotFound(LedgerError, code="entry_not_found", sqlstate="LG104", status=404):
    """The app has recorded no entry with this nonce.

    Detail: ``app``, ``original_nonce``.
    """


class HoldNotFound(LedgerError, code="hold_not_found", sqlstate="LG105", status=404):
    """The app has placed no hold with this nonce.

    Detail: ``app``, ``hold_nonce``.
    """


class AllowanceNotFound(LedgerError, code="allowance_not_found", sqlstate="LG106", status=404):
    """The app has granted no allowance with this nonce.

    Detail: ``app``, ``allowance_nonce``; ``owner_id`` if one was named.
    """


class BudgetNotFound(LedgerError, code="budget_not_found", sqlstate="LG107", status=404):
    """The owner has no such budget of its own.

    Detail: ``owner_id``, ``asset``, ``budget``, ``spender``.
    """


class NonceConflict(LedgerError, code="nonce_conflict", sqlstate="LG201", status=409):
    """The nonce has been used by a different request of the app.

    Detail: ``app``, ``nonce``.
    """


class InsufficientBalance(LedgerError, code="insufficient_balance", sqlstate="LG301", status=402):
    """The account has less available than the request would take.

    Detail: ``owner_id``, ``asset``, ``available`` (what this operation could use in this app),
    ``required``, and ``min_balance``, the floor of the account. ``available_to_others``: what is
    available for other operations or apps only; absent if there is none. ``required`` is absent
    when the request was to raise the floor. ``max_debt``: how far below the floor a capture may go
    that is to be recorded as a debt.
    """


class ClaimLimitReached(LedgerError, code="claim_limit_reached", sqlstate="LG302", status=409):
    """The operation has been claimed as often as it may be in this period.

    Detail: ``next_eligible_at``, null when it can never be claimed again; and the limit itself:
    ``operation``, ``limited`` (what it counts), ``claim_limit``, ``claim_period``.
    """


class AccountFrozen(LedgerError, code="account_frozen", sqlstate="LG303", status=409):
    """An operator has frozen the account.

    Detail: ``owner_id``, ``asset``, ``frozen_at``.
    """


class HoldClosed(LedgerError, code="hold_closed", sqlstate="LG304", status=409):
    """The hold has been captured or released, or has expired.

    Detail: ``app``, ``hold_nonce``, ``hold_status`` (``captured``, ``released`` or ``expired``; in
    SQL and Python as ``status`` too) and ``closed_at``.
    """


class ReversalExceedsOriginal(
    LedgerError, code="reversal_exceeds_original", sqlstate="LG305", status=409
):
    """The reversals of the entry would exceed the entry.

    Detail: ``original_nonce``, ``original_amount`` (signed), ``amount`` (the amount asked for),
    and what became of the original: ``reversed``, ``expired``, ``reversible`` (the rest).
    """


class AllowanceEnded(LedgerError, code="allowance_ended", sqlstate="LG306", status=409):
    """Nothing will come from the allowance any more.

    Detail: ``app``, ``allowance_nonce``; ``ends_at`` and ``occurrences``, where they are said.
    """


class BudgetExceeded(LedgerError, code="budget_exceeded", sqlstate="LG307", status=409):
    """A budget does not allow to spend or hold that much.

    Detail: ``owner_id``, ``asset``, ``budget``, ``spender`` (whose budget it is; null for all
    together), ``most``, ``spent`` and ``held`` in this period, ``required``, and ``resets_at``,
    when the next period begins; null if never.
    """


class AccountClosed(LedgerError, code="account_closed", sqlstate="LG308", status=409):
    """An operator has moved the account to another owner, and nothing changes it any more.

    Detail: ``owner_id``, ``asset``, ``moved_to``, the owner to use instead, and ``closed_at``.
    """


class NotTransferable(LedgerError, code="not_transferable", sqlstate="LG309", status=422):
    """The operation moves no credits from one owner to another.

    Detail: ``app``, ``operation``.
    """


class OtherPartition(LedgerError, code="other_partition", sqlstate="LG310", status=422):
    """A call that is all or nothing spans owners of several partitions of a cluster.

    Detail: ``partitions``, their names; of a transfer ``owner_ids``, both owners.
    """

    @classmethod
    def over(cls, partitions: Sequence[str]) -> OtherPartition:
        """Build the refusal of a call over partitions.

        Args:
            partitions: Their names.

        Returns:
            The exception, for the caller to raise.
        """
        # The same text as in the database.
        return cls(
            "The call spans owners of several partitions.",
            detail={"partitions": list(partitions)},
            hint="Send each partition its own part; only what is not atomic may span them.",
        )


class WrongPartition(LedgerError, code="wrong_partition", sqlstate="LG311", status=421):
    """This partition of a cluster does not keep the owner, or has moved to another server.

    Detail: ``partition``, the name of the one that was asked; ``owner_id`` and ``bucket`` of an
    owner that it does not keep; ``moved``, true, if it keeps nothing any more.
    """


class ClaimNotReserved(LedgerError, code="claim_not_reserved", sqlstate="LG312", status=503):
    """The claim subject is not reserved on the partition that keeps it, or not any more.

    Clients and services of a cluster reserve it. Repeat the request with its nonce.

    Detail: ``operation``, ``claim_subject`` and its ``bucket``; ``partition``, the name of the one
    that was asked.
    """


class NotAuthorized(LedgerError, code="not_authorized", sqlstate="LG401", status=403):
    """The role that the connection logged in with may not act for this app.

    Detail: ``app``, ``role``.
    """


class AppendOnly(LedgerError, code="append_only", sqlstate="LG901", status=500):
    """A statement tried to change or delete rows that the ledger keeps for ever.

    Detail: ``attempted``, the action.
    """


class OperationSetIncomplete(
    LedgerError, code="operation_set_incomplete", sqlstate="LG902", status=500
):
    """A change would leave an app without one of the shared operations.

    Detail: ``operation``, and the ``app`` that would lack it.
    """


class OperationInUse(LedgerError, code="operation_in_use", sqlstate="LG903", status=500):
    """A change would delete or rename something that entries refer to.

    Detail: ``attempted``, the action; ``operation``; ``app`` for a change of one app's set.
    """


class OperationRuleInconsistent(
    LedgerError, code="operation_rule_inconsistent", sqlstate="LG904", status=500
):
    """An app's default or bounds would not fit within the operation's.

    Detail: ``app``, ``operation``.
    """


class GenerationNeeded(LedgerError, code="generation_needed", sqlstate="LG905", status=503):
    """The ledger was moved to another server, and its change feed cannot be read yet.

    `ledger migrate` mends it.
    """


class PartitionUnavailable(LedgerError, code="partition_unavailable", sqlstate="LG906", status=503):
    """The partition of a cluster that keeps the owner cannot be reached, or does not answer.

    Whether a request was recorded is not known: repeat it with its nonce.

    Detail: ``partition``, its name.
    """

    @classmethod
    def named(cls, partition: str) -> PartitionUnavailable:
        """Build the error for a partition that does not answer.

        Args:
            partition: Its name.

        Returns:
            The exception, for the caller to raise.
        """
        return cls(
            "The partition that keeps the owner is away.",
            detail={"partition": partition},
            hint="Repeat the request with its nonce; owners of other partitions are not affected.",
        )


_SQLSTATE_PREFIX = "LG"

# The server's own errors that only values of a request can cause.
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
    """Build the exception for a refusal that the database returned instead of raising it.

    Args:
        code: The name of the refusal.
        message: Text for people.
        detail: The values of the refusal.
        hint: Advice for the caller.

    Returns:
        The exception, for the caller to raise.
    """
    error_class = _ERRORS_BY_CODE.get(code, LedgerError)
    return error_class(message, detail=detail, hint=hint, code=code)


def translate(error: psycopg.Error) -> LedgerError | None:
    """Translate an error of psycopg into the ledger's exception.

    Args:
        error: The error of psycopg.

    Returns:
        The exception registered for the SQLSTATE of a refusal; InvalidRequest for data that the
        server or the driver cannot take; None for any other error.
    """
    sqlstate = error.sqlstate
    if sqlstate is None:
        # The driver's own DataError: it could not convert a parameter.
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
    """Decode a JSON object; any other text gives an empty one."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
