"""Facts of the database that Python repeats are equal."""

from __future__ import annotations

import inspect

import psycopg
import pytest

from ledger_py import AsyncLedger
from ledger_py.calls import SqlFunction
from ledger_py.errors import ERRORS_BY_SQLSTATE, InvalidRequest, translate
from ledger_py.structs import EntryRequest


def test_error_classes_match_the_error_codes_of_the_database(tx: psycopg.Connection) -> None:
    rows = tx.execute("SELECT sqlstate, code, http_status FROM ledger.error_codes").fetchall()
    classes = [(error.sqlstate, error.code, error.status) for error in ERRORS_BY_SQLSTATE.values()]
    assert sorted(classes) == sorted(rows)


def test_client_refusals_use_the_text_of_the_database(tx: psycopg.Connection) -> None:
    words = tx.execute(
        "SELECT message, advice FROM ledger.error_codes WHERE sqlstate = %s",
        (InvalidRequest.sqlstate,),
    ).fetchone()
    refusal = InvalidRequest.of_field("amount", "must be an integer, not float")
    assert (refusal.message, refusal.hint) == words


over_functions = pytest.mark.parametrize(
    "function",
    [
        SqlFunction.of(value)
        for value in vars(AsyncLedger).values()
        if hasattr(value, "sql_function")
    ],
    ids=lambda function: function.name,
)


@over_functions
def test_methods_match_the_parameters_of_their_sql_functions(
    tx: psycopg.Connection, function: SqlFunction
) -> None:
    rows = tx.execute(
        "SELECT argument.name, format_type(argument.type, NULL)"
        " FROM pg_proc, unnest(proargnames[:pronargs], proargtypes::oid[]) AS argument (name, type)"
        " WHERE pronamespace = 'ledger'::regnamespace AND proname = %s",
        (function.name,),
    ).fetchall()
    types = {"timestamp with time zone": "timestamptz"}
    assert {name: types.get(type_, type_) for name, type_ in rows} == {
        name: type_.name for name, type_ in function.parameters.items()
    }


@over_functions
def test_methods_have_the_defaults_of_their_sql_functions(
    tx: psycopg.Connection, function: SqlFunction
) -> None:
    rows = tx.execute(
        "SELECT proargnames[place], pg_get_function_arg_default(oid, place)"
        " FROM pg_proc, generate_series(1, pronargs) AS place"
        " WHERE pronamespace = 'ledger'::regnamespace AND proname = %s",
        (function.name,),
    ).fetchall()
    method = inspect.signature(getattr(AsyncLedger, function.name))

    for name, expression in rows:
        parameter = method.parameters.get(name)
        if parameter is None or parameter.default is parameter.empty:
            continue  # The client may ask for what SQL lets out.
        (default,) = tx.execute(f"SELECT {expression or 'NULL'}".encode()).fetchone() or ()
        assert parameter.default == default, name


def test_entry_request_has_the_fields_of_a_batch_item(tx: psycopg.Connection) -> None:
    (fields,) = tx.execute("SELECT ledger_core.item_fields()").fetchone() or ()
    assert set(fields) == set(EntryRequest.__struct_fields__)


@pytest.mark.parametrize(
    "value",
    [
        "99999999999999999999::bigint",
        "'seven'::bigint",
        r"""'{"a": "\u0000"}'::jsonb""",
        "'{'::jsonb",
        r"convert_from('\xff', 'UTF8')",
        "'someday'::timestamptz",
        "'2101-13-01'::timestamptz",
        "repeat('[', 1000000)::jsonb",
    ],
)
def test_data_unreadable_by_the_server_is_an_invalid_request(
    tx: psycopg.Connection, value: str
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        tx.execute(f"SELECT {value}".encode())
    refusal = translate(raised.value)
    assert isinstance(refusal, InvalidRequest)
    assert refusal.detail["reason"]


def test_other_database_errors_are_not_refusals(tx: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction) as raised:
        tx.execute("SELECT ledger.no_such_function()")
    assert translate(raised.value) is None


def test_unknown_sqlstate_is_a_plain_ledger_error(tx: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as raised:
        tx.execute(
            "DO $$ BEGIN RAISE 'Of tomorrow.' USING ERRCODE = 'LG777', DETAIL = 'free text'; END $$"
        )
    refusal = translate(raised.value)
    assert refusal is not None
    assert (refusal.code, refusal.sqlstate, refusal.status) == ("ledger_error", "LG777", 500)
    assert (refusal.message, refusal.detail) == ("Of tomorrow.", {})
