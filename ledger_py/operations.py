"""An app's operations as an enum, and its comparison with the app's set in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

SHARED_OPERATIONS = ("DAILY_REWARD", "SIGNUP_CREDIT", "CREDIT_SPEND", "CREDIT_ADD")
"""The operations that every app must have."""

_WELL_FORMED_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


class BaseLedgerOperation(StrEnum):
    """The base class of every app's enum of operations.

    A subclass must have every shared operation, and each value must equal its name::

        class App1Operation(BaseLedgerOperation):
            DAILY_REWARD = "DAILY_REWARD"
            SIGNUP_CREDIT = "SIGNUP_CREDIT"
            CREDIT_SPEND = "CREDIT_SPEND"
            CREDIT_ADD = "CREDIT_ADD"
            CONTENT_CREATION = "CONTENT_CREATION"

    Members are ``str``: in JSON and SQL they are their names. A subclass without members is
    allowed: it can add methods for the enums of several apps.

    Raises:
        TypeError: On declaration, if a shared operation is missing, a value differs from its name,
            or a name is not upper snake case of at most 63 characters. The message lists them all.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Only __members__ has aliases, which are second names for a value.
        faults = _faults({name: member.value for name, member in cls.__members__.items()})
        if faults:
            raise TypeError(f"{cls.__name__} is not a valid set of operations: {'; '.join(faults)}")


def _faults(members: dict[str, str]) -> list[str]:
    """Describe the faults of an enum's members, given as name to value."""
    if not members:
        return []
    faults = []
    missing = [name for name in SHARED_OPERATIONS if name not in members]
    if missing:
        faults.append(f"shared operations are missing: {', '.join(missing)}")
    different = [f"{name} = {value!r}" for name, value in members.items() if value != name]
    if different:
        faults.append(f"a value must equal its name: {', '.join(different)}")
    malformed = [name for name in members if not _WELL_FORMED_NAME.fullmatch(name)]
    if malformed:
        faults.append(
            "a name must be upper snake case (A-Z, 0-9, _; a letter first) of at most 63"
            f" characters: {', '.join(malformed)}"
        )
    return faults


class OperationSetDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The difference between an app's enum and its set of operations in the database.

    Attributes:
        enum_name: The name of the enum class.
        missing_in_database: Operations only in the enum, sorted.
        missing_in_enum: Operations only in the database, sorted.
    """

    enum_name: str
    missing_in_database: tuple[str, ...]
    missing_in_enum: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.enum_name} and the app's set of operations in the database differ."]
        if self.missing_in_database:
            lines.append(
                f"Not in the database: {', '.join(self.missing_in_database)}."
                " Allow each with ledger.allow_operation() in a migration of the app and run"
                " `ledger migrate`, or take it out of the enum."
            )
        if self.missing_in_enum:
            lines.append(
                f"Not in the enum: {', '.join(self.missing_in_enum)}."
                " Add each as a member whose value is its name,"
                " or retire the operation with ledger.retire_operation() in a migration."
            )
        return "\n".join(lines)


def compare_operation_set(
    operations: type[BaseLedgerOperation], database_operations: Iterable[str]
) -> OperationSetDifference | None:
    """Compare an app's enum with the app's set of operations in the database.

    Args:
        operations: The app's enum.
        database_operations: The names of the app's operations in the database, without retired
            ones, as ``operations_of`` returns them.

    Returns:
        The difference, whose ``str()`` is a message with advice; None if the sets are equal.
    """
    declared = set(operations.__members__)
    known = set(database_operations)
    if declared == known:
        return None
    return OperationSetDifference(
        enum_name=operations.__name__,
        missing_in_database=tuple(sorted(declared - known)),
        missing_in_enum=tuple(sorted(known - declared)),
    )
