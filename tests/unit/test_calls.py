"""Calls derived from the signatures of methods. The database compares them in tests/client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from apps.app1.operations import App1Operation
from ledger_py.calls import SqlFunction
from ledger_py.structs import Balance
from ledger_py.values import Int32, sql_type_of


class Client:
    """A client with one method of each kind of argument."""

    app = "app1"

    def balance(
        self, owner_id: str, *, asset: str = "CREDIT", at: datetime | None = None
    ) -> Balance:
        raise NotImplementedError

    def count(self, *, app_only: bool) -> int:
        raise NotImplementedError


BALANCE = SqlFunction(Client.balance, of_app=True, echoed=("owner_id", "asset"))


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (str, "text"),
        (str | None, "text"),
        (App1Operation | str, "text"),
        (Literal["open", "closed"] | None, "text"),
        (int, "bigint"),
        (Int32 | None, "integer"),
        (bool, "boolean"),
        (datetime | None, "timestamptz"),
        (timedelta, "interval"),
        (Mapping[str, Any] | None, "jsonb"),
    ],
)
def test_annotation_determines_the_sql_type(annotation: Any, name: str) -> None:
    assert sql_type_of(annotation).name == name


@pytest.mark.parametrize("annotation", [float, list[str], bytes])
def test_annotation_without_an_sql_type_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="no SQL type"):
        sql_type_of(annotation)


def test_query_names_columns_and_casts_parameters() -> None:
    assert BALANCE.query == (
        b"SELECT %(owner_id)s::text AS owner_id, %(asset)s::text AS asset, balance, held,"
        b" available, entry_count, next_expiry_at, next_expiry_amount, next_allowance_at,"
        b" next_allowance_amount"
        b" FROM ledger.balance(app => %(app)s::text, owner_id => %(owner_id)s::text,"
        b" asset => %(asset)s::text, at => %(at)s::timestamptz)"
    )


def test_single_value_is_a_column_with_the_name_of_the_function() -> None:
    query = SqlFunction(Client.count, of_app=False).query
    assert query == b"SELECT count FROM ledger.count(app_only => %(app_only)s::boolean)"


@pytest.mark.parametrize(
    ("positional", "named"),
    [((), {"owner_id": "alice"}), (("alice",), {}), (("alice",), {"at": None})],
)
def test_defaults_and_the_app_are_filled_in(
    positional: tuple[str, ...], named: dict[str, object]
) -> None:
    parameters = BALANCE.bind(Client(), positional, named)
    assert parameters == {"app": "app1", "owner_id": "alice", "asset": "CREDIT", "at": None}


@pytest.mark.parametrize(
    ("positional", "named"),
    [
        ((), {}),
        ((), {"owner_id": "alice", "no_such_argument": 7}),
        (("alice",), {"owner_id": "alice"}),
        (("alice", "CREDIT"), {}),
    ],
)
def test_wrong_arguments_are_a_type_error(
    positional: tuple[str, ...], named: dict[str, object]
) -> None:
    with pytest.raises(TypeError):
        BALANCE.bind(Client(), positional, named)
