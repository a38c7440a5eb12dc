"""SQL functions, derived from the signatures of the client's methods, and the connections for them.

The part of the client that never waits, shared by ``Ledger`` and ``AsyncLedger``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast, get_args, get_origin, get_type_hints

import msgspec
import psycopg
from psycopg.rows import BaseRowFactory, args_row

from ledger_py.structs import RecordedEntry, Refusal, Transfer
from ledger_py.values import SqlType, sql_type_of

_TAKEN_FROM: Final = {
    psycopg.Connection: (
        "from a pool with pool.connection(), from SQLAlchemy with"
        " session.connection().connection.driver_connection, from Django with"
        " connection.connection inside of transaction.atomic()"
    ),
    psycopg.AsyncConnection: (
        "from a pool with pool.connection(), from SQLAlchemy with"
        " (await (await session.connection()).get_raw_connection()).driver_connection"
    ),
}
"""The places where a client's connection is found, by its class."""


def check_connection(conn: object, wanted: type[Any]) -> None:
    """Check that a client can work on a connection.

    Args:
        conn: The connection.
        wanted: The class of psycopg that the client needs.

    Raises:
        TypeError: The connection is of another class.
        ValueError: The client encoding of the connection is not UTF8.
    """
    if not isinstance(conn, wanted):
        raise TypeError(
            f"conn must be a psycopg.{wanted.__name__} (of psycopg 3), not a"
            f" {type(conn).__module__}.{type(conn).__qualname__}; take it {_TAKEN_FROM[wanted]}"
        )
    if conn.closed:
        return  # the first call says so
    # Another encoding has no bytes for the ids and texts of some owners.
    if conn.info.encoding != "utf-8":
        raise ValueError(
            f"conn must have the client encoding UTF8, not {conn.info.encoding}; connect with"
            " psycopg.connect(..., client_encoding='UTF8')"
        )


class OfApp(Protocol):
    """A client, which is bound to an app."""

    app: str


class SqlFunction:
    """The function of schema ``ledger`` that a method of the client calls.

    Args:
        method: The method. Its name is the function's, its arguments are the function's parameters,
            and the struct that it returns, alone or in a list, names the columns.
        of_app: The function's first parameter is ``app``, the app of the client.
        echoed: Fields of the struct that are parameters and not columns.

    Attributes:
        name: The name of the function.
        parameters: The SQL type of each parameter.
        query: The call, with a placeholder for each parameter.
        row_factory: Makes a result of a row.
        result_of: Makes of the results of all rows what the method returns.
    """

    def __init__(
        self, method: Callable[..., Any], *, of_app: bool, echoed: Sequence[str] = ()
    ) -> None:
        self.name = method.__name__
        hints = get_type_hints(method, include_extras=True)
        returned = hints.pop("return")
        columns, self.row_factory, self.result_of = _rows_of(self.name, returned)
        self._of_app = of_app
        self._signature = inspect.signature(method)
        self._defaults = {
            name: parameter.default
            for name, parameter in self._signature.parameters.items()
            if parameter.default is not parameter.empty
        }
        self._names = hints.keys()
        app = {"app": sql_type_of(str)} if of_app else {}
        self.parameters: Mapping[str, SqlType] = app | {
            name: sql_type_of(hint) for name, hint in hints.items()
        }
        # Columns are named: a function that has gained a column still serves this version.
        # Parameters are cast: the server need not infer the type of null or text.
        values = {name: f"%({name})s::{type_.name}" for name, type_ in self.parameters.items()}
        selected = ", ".join(
            f"{values[name]} AS {name}" if name in echoed else name for name in columns
        )
        arguments = ", ".join(f"{name} => {value}" for name, value in values.items())
        self.query = f"SELECT {selected} FROM ledger.{self.name}({arguments})".encode()

    @staticmethod
    def of(method: Callable[..., Any]) -> SqlFunction:
        """Return the function that a method of a client calls.

        Args:
            method: The method, such as ``AsyncLedger.record_entry``.

        Returns:
            Its function.
        """
        return cast(SqlFunction, vars(method)["sql_function"])

    def bind(
        self, client: OfApp, positional: Sequence[object], named: dict[str, object]
    ) -> dict[str, object]:
        """Convert the arguments of a call to the parameters of ``query``.

        Args:
            client: The client whose method is called.
            positional: The positional arguments.
            named: The keyword arguments.

        Returns:
            The parameters.

        Raises:
            TypeError: The arguments do not match the method's signature.
            InvalidRequest: An argument cannot be sent as the type of its parameter.
        """
        arguments = self._defaults | named
        if positional or arguments.keys() != self._names:
            bound = self._signature.bind(client, *positional, **named).arguments
            arguments = self._defaults | {name: bound[name] for name in self._names & bound.keys()}
        if self._of_app:
            arguments["app"] = client.app
        return self.adapt(arguments)

    def adapt(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Convert arguments to what the driver sends, each as the type of its parameter.

        Args:
            arguments: The arguments by name; None stands for null.

        Returns:
            The parameters of ``query``.

        Raises:
            InvalidRequest: An argument cannot be sent as the type of its parameter.
        """
        types = self.parameters
        return {
            name: None if value is None else types[name].adapt(name, value)
            for name, value in arguments.items()
        }


def _rows_of(
    function: str, returned: Any
) -> tuple[tuple[str, ...], BaseRowFactory[Any], Callable[[list[Any]], Any]]:
    """Return the columns, and what makes a result of a row, and what is returned of all results."""
    if returned is Transfer:
        return *_row_of(function, RecordedEntry), _transfer_of
    if get_origin(returned) is list:
        return *_row_of(function, get_args(returned)[0]), _all_of
    return *_row_of(function, returned), _only_one_of


def _row_of(function: str, result: Any) -> tuple[tuple[str, ...], BaseRowFactory[Any]]:
    if result == RecordedEntry | Refusal:
        # The columns of either the entry or the refusal are null.
        entry, refusal = _construction(RecordedEntry), _construction(Refusal)
        return _structs_of(RecordedEntry, Refusal, made=f"{entry} if code is None else {refusal}")
    if isinstance(result, type) and issubclass(result, msgspec.Struct):
        return _structs_of(result, made=_construction(result))
    # A single value, or void: SQL shows either as a column with the function's name.
    return (function,), args_row(lambda value: value if result is int else None)


def _all_of(rows: list[Any]) -> list[Any]:
    return rows


def _only_one_of(rows: list[Any]) -> Any:
    (row,) = rows
    return row


def _transfer_of(rows: list[Any]) -> Transfer:
    sent, *received = rows
    return Transfer(sent=sent, received=received)


def _structs_of(
    *structs: type[msgspec.Struct], made: str
) -> tuple[tuple[str, ...], BaseRowFactory[Any]]:
    # Compiled, because the structs take keywords only: through a dictionary, every row would take
    # seven times as long.
    columns = tuple(name for struct in structs for name in struct.__struct_fields__)
    names = {struct.__name__: struct for struct in structs}
    return columns, args_row(eval(f"lambda {', '.join(columns)}: {made}", names))


def _construction(struct: type[msgspec.Struct]) -> str:
    keywords = ", ".join(f"{name}={name}" for name in struct.__struct_fields__)
    return f"{struct.__name__}({keywords})"
