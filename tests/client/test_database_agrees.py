"""What Python repeats of the database is equal to it."""

from __future__ import annotations

import psycopg
import pytest

from ledger_py import calls
from ledger_py.calls import SqlFunction
from ledger_py.errors import ERRORS_BY_SQLSTATE, InvalidRequest, translate
from ledger_py.structs import EntryRequest


def test_error_classes_equal_the_error_codes(tx: psycopg.Connection) -> None:
    rows = tx.execute("SELECT sqlstate, code, http_status FROM ledger.error_codes").fetchall()
    classes = [(error.sqlstate, error.code, error.status) for error in ERRORS_BY_SQLSTATE.values()]
    assert sorted(classes) == sorted(rows)


def test_refusals_of_the_client_have_the_words_of_the_database(tx: psycopg.Connection) -> None:
    words = tx.execute(
        "SELECT message, advice FROM ledger.error_codes WHERE sqlstate = %s",
        (InvalidRequest.sqlstate,),
    ).fetchone()
    refusal = InvalidRequest.of_field("amount", "must be an integer, not float")
    assert (refusal.message, refusal.hint) == words


@pytest.mark.parametrize(
    "function",
    [value for value in vars(calls).values() if isinstance(value, SqlFunction)],
    ids=lambda function: function.name,
)
def test_parameters_are_those_of_the_function(
    tx: psycopg.Connection, function: SqlFunction[object]
) -> None:
    rows = tx.execute(
        "SELECT argument.name, format_type(argument.type, NULL)"
        " FROM pg_proc, unnest(proargnames[:pronargs], proargtypes::oid[]) AS argument (name, type)"
        " WHERE pronamespace = 'ledger'::regnamespace AND proname = %s",
        (function.name,),
    ).fetchall()
    types = {"timestamp with time zone": "timestamptz"}
    assert {name: types.get(type_, type_) for name, type_ in rows} == function.parameters


def test_fields_of_a_request_are_those_of_an_item(tx: psycopg.Connection) -> None:
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
def test_data_that_the_server_cannot_read_is_an_invalid_request(
    tx: psycopg.Connection, value: str
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        tx.execute(f"SELECT {value}".encode())
    refusal = translate(raised.value)
    assert isinstance(refusal, InvalidRequest)
    assert refusal.detail["reason"]


def test_other_errors_of_the_database_are_not_refusals(tx: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction) as raised:
        tx.execute("SELECT ledger.no_such_function()")
    assert translate(raised.value) is None


def test_refusal_with_an_unknown_code_is_a_plain_ledger_error(tx: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as raised:
        tx.execute(
            "DO $$ BEGIN RAISE 'Of tomorrow.' USING ERRCODE = 'LG777', DETAIL = 'free text'; END $$"
        )
    refusal = translate(raised.value)
    assert refusal is not None
    assert (refusal.code, refusal.sqlstate, refusal.status) == ("ledger_error", "LG777", 500)
    assert (refusal.message, refusal.detail) == ("Of tomorrow.", {})
