"""The functions of schema ``ledger`` as data: how each is called, and what its rows become.

This is the half of the client in which nothing waits, shared by the async and the sync client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from psycopg.rows import BaseRowFactory, args_row, class_row

from ledger_py.errors import InvalidRequest
from ledger_py.structs import (
    Balance,
    Entry,
    EntryRequest,
    FeedEntry,
    Hold,
    Operation,
    RecordedEntry,
    Refusal,
    StatementLine,
)
from ledger_py.values import SqlType, adapt, encode_json

__all__ = (
    "ADJUST_BALANCE",
    "BALANCE",
    "BALANCE_AT",
    "CAPTURE_HOLD",
    "ENTRIES_AFTER",
    "ENTRIES_OF",
    "EXPIRE_CREDITS",
    "EXTEND_HOLD",
    "FREEZE_ACCOUNT",
    "HOLDS_OF",
    "OPERATIONS_OF",
    "PLACE_HOLD",
    "RECORD_ENTRIES",
    "RECORD_ENTRY",
    "RELEASE_HOLD",
    "REVERSE_ENTRY",
    "SET_MIN_BALANCE",
    "STATEMENT",
    "UNFREEZE_ACCOUNT",
    "SqlFunction",
    "encode_entries",
)

ResultT = TypeVar("ResultT")
StructT = TypeVar("StructT", bound=msgspec.Struct)


@dataclass(frozen=True)
class SqlFunction(Generic[ResultT]):
    """A function of schema ``ledger`` and what each of its rows becomes.

    Args:
        name: The function's name.
        parameters: The function's parameters with their types.
        columns: The columns that are selected. The only one of a function that returns a single
            value, or nothing, has the function's name.
        row_factory: What makes a result of these columns.
        echoed: Those of ``columns`` that are not columns of the function but parameters.

    Attributes:
        query: The call, with a placeholder for each parameter.
    """

    name: str
    parameters: Mapping[str, SqlType]
    columns: tuple[str, ...]
    row_factory: BaseRowFactory[ResultT]
    echoed: tuple[str, ...] = ()
    query: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Write the SQL of the call."""
        # Columns are named, so that a function that has grown a column still serves this version.
        # Parameters are cast, so that null and text have a type whatever the server could infer.
        placeholders = {name: f"%({name})s::{type_}" for name, type_ in self.parameters.items()}
        columns = ", ".join(
            f"{placeholders[name]} AS {name}" if name in self.echoed else name
            for name in self.columns
        )
        arguments = ", ".join(f"{name} => {value}" for name, value in placeholders.items())
        query = f"SELECT {columns} FROM ledger.{self.name}({arguments})"
        object.__setattr__(self, "query", query.encode())

    def adapt(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Turn arguments into what the driver sends, each as the type of its parameter.

        Args:
            arguments: The arguments by name; None stands for null.

        Returns:
            The parameters for ``query``.

        Raises:
            InvalidRequest: When an argument cannot be sent as the type of its parameter.
        """
        types = self.parameters
        return {name: adapt(types[name], name, value) for name, value in arguments.items()}


def _structs(
    name: str,
    *,
    returns: type[StructT],
    parameters: Mapping[str, SqlType],
    echoed: tuple[str, ...] = (),
) -> SqlFunction[StructT]:
    """Describe a function whose rows become structs; the fields name the columns."""
    return SqlFunction(name, parameters, returns.__struct_fields__, class_row(returns), echoed)


def _integer(name: str, *, parameters: Mapping[str, SqlType]) -> SqlFunction[int]:
    """Describe a function that returns an integer."""
    return SqlFunction(name, parameters, (name,), args_row(int))


def _nothing(name: str, *, parameters: Mapping[str, SqlType]) -> SqlFunction[None]:
    """Describe a function that returns nothing, which SQL shows as a column of type void."""
    return SqlFunction(name, parameters, (name,), args_row(lambda _: None))


def encode_entries(entries: bytes | Iterable[EntryRequest | Mapping[str, Any]]) -> msgspec.Raw:
    """Write the items of a batch as a JSON array.

    Args:
        entries: The items, or the JSON array itself.

    Returns:
        The JSON array.

    Raises:
        InvalidRequest: When JSON or the database cannot hold an item; the detail has its position,
            counted from 1.
    """
    if isinstance(entries, bytes):
        return msgspec.Raw(entries)
    items = list(entries)
    try:
        return msgspec.Raw(encode_json("entries", items))
    except InvalidRequest:
        for position, item in enumerate(items, start=1):
            try:
                encode_json("entries", item)
            except InvalidRequest as refusal:
                refusal.detail["position"] = position
                raise
        raise


def _batch_result(
    position: int,
    entry_id: int,
    seq: int,
    owner_id: str,
    asset: str,
    app: str,
    operation: str,
    amount: int,
    balance: int,
    nonce: str,
    metadata: dict[str, Any] | None,
    expires_at: datetime | None,
    hold_nonce: str | None,
    reverses_seq: int | None,
    recorded_at: datetime,
    replayed: bool,
    code: str | None,
    message: str,
    detail: dict[str, Any],
    hint: str | None,
) -> RecordedEntry | Refusal:
    """Make the result of an item from its row, of which either the entry or the refusal is null."""
    if code is not None:
        return Refusal(position=position, code=code, message=message, detail=detail, hint=hint)
    # Every field by its name: a third of the time that building a dictionary of them takes.
    return RecordedEntry(
        entry_id=entry_id,
        seq=seq,
        owner_id=owner_id,
        asset=asset,
        app=app,
        operation=operation,
        amount=amount,
        balance=balance,
        nonce=nonce,
        metadata=metadata,
        expires_at=expires_at,
        hold_nonce=hold_nonce,
        reverses_seq=reverses_seq,
        recorded_at=recorded_at,
        replayed=replayed,
    )


_ACCOUNT = {"owner_id": SqlType.TEXT, "asset": SqlType.TEXT}
_HOLD = {"app": SqlType.TEXT, "hold_nonce": SqlType.TEXT}
_DECISION = {"actor": SqlType.TEXT, "reason": SqlType.TEXT}

RECORD_ENTRY = _structs(
    "record_entry",
    returns=RecordedEntry,
    parameters={
        "app": SqlType.TEXT,
        "owner_id": SqlType.TEXT,
        "operation": SqlType.TEXT,
        "nonce": SqlType.TEXT,
        "amount": SqlType.BIGINT,
        "metadata": SqlType.JSONB,
        "expires_at": SqlType.TIMESTAMPTZ,
        "claim_subject": SqlType.TEXT,
    },
)
RECORD_ENTRIES: SqlFunction[RecordedEntry | Refusal] = SqlFunction(
    "record_entries",
    parameters={"app": SqlType.TEXT, "entries": SqlType.JSONB, "atomic": SqlType.BOOLEAN},
    columns=tuple(name for name in _batch_result.__annotations__ if name != "return"),
    row_factory=args_row(_batch_result),
)
REVERSE_ENTRY = _structs(
    "reverse_entry",
    returns=RecordedEntry,
    parameters={
        "app": SqlType.TEXT,
        "nonce": SqlType.TEXT,
        "original_nonce": SqlType.TEXT,
        "amount": SqlType.BIGINT,
        "metadata": SqlType.JSONB,
        "free_claim": SqlType.BOOLEAN,
    },
)
BALANCE = _structs(
    "balance",
    returns=Balance,
    parameters=_ACCOUNT,
    echoed=("owner_id", "asset"),
)
BALANCE_AT = _integer("balance_at", parameters=_ACCOUNT | {"at": SqlType.TIMESTAMPTZ})
STATEMENT = _structs(
    "statement",
    returns=StatementLine,
    parameters=_ACCOUNT | {"since": SqlType.TIMESTAMPTZ, "until": SqlType.TIMESTAMPTZ},
)
ENTRIES_OF = _structs(
    "entries_of",
    returns=Entry,
    parameters=_ACCOUNT | {"before_seq": SqlType.BIGINT, "max_rows": SqlType.INTEGER},
)
ENTRIES_AFTER = _structs(
    "entries_after",
    returns=FeedEntry,
    parameters={"cursor": SqlType.TEXT, "max_rows": SqlType.INTEGER},
)
OPERATIONS_OF = _structs(
    "operations_of",
    returns=Operation,
    parameters={"app": SqlType.TEXT},
)

PLACE_HOLD = _structs(
    "place_hold",
    returns=Hold,
    parameters={
        "app": SqlType.TEXT,
        "owner_id": SqlType.TEXT,
        "operation": SqlType.TEXT,
        "nonce": SqlType.TEXT,
        "amount": SqlType.BIGINT,
        "expires_in": SqlType.INTERVAL,
        "metadata": SqlType.JSONB,
    },
)
CAPTURE_HOLD = _structs(
    "capture_hold",
    returns=RecordedEntry,
    parameters=_HOLD
    | {
        "nonce": SqlType.TEXT,
        "amount": SqlType.BIGINT,
        "final": SqlType.BOOLEAN,
        "metadata": SqlType.JSONB,
    },
)
RELEASE_HOLD = _structs("release_hold", returns=Hold, parameters=_HOLD)
EXTEND_HOLD = _structs(
    "extend_hold",
    returns=Hold,
    parameters=_HOLD | {"expires_in": SqlType.INTERVAL},
)
HOLDS_OF = _structs(
    "holds_of",
    returns=Hold,
    parameters=_ACCOUNT
    | {"status": SqlType.TEXT, "before": SqlType.TIMESTAMPTZ, "max_rows": SqlType.INTEGER},
)

ADJUST_BALANCE = _structs(
    "adjust_balance",
    returns=RecordedEntry,
    parameters=_ACCOUNT | _DECISION | {"amount": SqlType.BIGINT, "nonce": SqlType.TEXT},
)
SET_MIN_BALANCE = _nothing(
    "set_min_balance",
    parameters=_ACCOUNT | _DECISION | {"min_balance": SqlType.BIGINT},
)
FREEZE_ACCOUNT = _nothing("freeze_account", parameters=_ACCOUNT | _DECISION)
UNFREEZE_ACCOUNT = _nothing("unfreeze_account", parameters=_ACCOUNT | _DECISION)
EXPIRE_CREDITS = _integer("expire_credits", parameters={"max_accounts": SqlType.INTEGER})
