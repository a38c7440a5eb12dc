"""Addresses of databases, as the project completes them."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.sessions import conninfo, options_of


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("-c lock_timeout=42", {"lock_timeout": "42"}),
        (
            "-clock_timeout=42 --statement-timeout=5s",
            {"lock_timeout": "42", "statement_timeout": "5s"},
        ),
        (r"-c search_path=a,\ b", {"search_path": "a, b"}),
        ("-c lock_timeout=1 -c lock_timeout=2", {"lock_timeout": "2"}),
        ("", {}),
    ],
)
def test_settings_in_the_options_of_an_address_are_found(
    options: str, found: dict[str, str]
) -> None:
    assert options_of(make_conninfo("host=db.example.org", options=options)) == found


def test_address_overrides_defaults_but_not_the_encoding() -> None:
    url = "postgresql://db.example.org/ledger?connect_timeout=3&client_encoding=latin1"

    found = conninfo_to_dict(conninfo(url, connect_timeout=5, application_name="mine"))

    assert (found["connect_timeout"], found["application_name"]) == ("3", "mine")
    assert found["client_encoding"] == "UTF8"
