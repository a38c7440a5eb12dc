"""Refusals as exceptions. Errors that PostgreSQL itself raises are tested in tests/client."""

from __future__ import annotations

import pickle

import psycopg
import pytest

from ledger_py.errors import (
    ERRORS_BY_SQLSTATE,
    InsufficientBalance,
    InvalidRequest,
    LedgerError,
    refusal_of_code,
    translate,
)
from ledger_py.structs import Refusal


def test_codes_and_sqlstates_are_unique() -> None:
    classes = LedgerError.__subclasses__()
    assert len({error.code for error in classes}) == len(classes)
    assert set(ERRORS_BY_SQLSTATE.values()) == set(classes)


def test_error_takes_code_and_sqlstate_from_its_class() -> None:
    error = InsufficientBalance("Too little.", detail={"available": 2, "required": 3})
    assert (error.code, error.sqlstate, error.status) == ("insufficient_balance", "LG301", 402)
    assert error.detail == {"available": 2, "required": 3}
    assert error.hint is None


def test_text_has_message_values_and_hint() -> None:
    error = InsufficientBalance("Too little.", detail={"available": 2, "required": 3}, hint="Add.")
    assert str(error) == "Too little. (available: 2, required: 3) Hint: Add."


def test_text_without_values_is_the_message() -> None:
    assert str(LedgerError("Refused.")) == "Refused."


@pytest.mark.parametrize("error_class", [LedgerError, *ERRORS_BY_SQLSTATE.values()])
def test_error_survives_pickling(error_class: type[LedgerError]) -> None:
    error = error_class("Refused.", detail={"field": "nonce"}, hint="Mend it.", sqlstate="LG999")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is error_class
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_detail_is_a_copy() -> None:
    values = {"field": "nonce"}
    error = InvalidRequest("Refused.", detail=values)
    values.clear()
    assert error.detail == {"field": "nonce"}


def test_data_error_of_the_driver_is_an_invalid_request() -> None:
    error = translate(psycopg.DataError("cannot dump lists of mixed types"))
    assert isinstance(error, InvalidRequest)
    assert error.detail == {"reason": "cannot dump lists of mixed types"}


@pytest.mark.parametrize("error_class", [psycopg.OperationalError, psycopg.InterfaceError])
def test_connection_error_is_not_a_refusal(error_class: type[psycopg.Error]) -> None:
    assert translate(error_class("the connection is closed")) is None


@pytest.mark.parametrize("error_class", ERRORS_BY_SQLSTATE.values())
def test_returned_refusal_becomes_the_exception_of_its_code(
    error_class: type[LedgerError],
) -> None:
    refusal = Refusal(
        position=7, code=error_class.code, message="Refused.", detail={"field": "nonce"}, hint=None
    )
    error = refusal.error
    assert type(error) is error_class
    assert (error.sqlstate, error.status) == (error_class.sqlstate, error_class.status)
    assert (str(error), error.detail) == ("Refused. (field: nonce)", {"field": "nonce"})


def test_unknown_code_is_a_plain_ledger_error() -> None:
    error = refusal_of_code("of_tomorrow", "Refused.", detail={}, hint="Wait.")
    assert type(error) is LedgerError
    assert (error.code, error.status, error.hint) == ("of_tomorrow", 500, "Wait.")
