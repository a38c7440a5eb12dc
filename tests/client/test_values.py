"""Conversion of SQL values to Python."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.pq import Format

from ledger_py.values import ADAPTERS


@pytest.mark.parametrize(
    ("interval", "duration"),
    [
        ("1 month", "P1M"),
        ("30 days", "P30D"),
        ("1 year 2 months 3 days 04:05:06.789", "P1Y2M3DT4H5M6.789S"),
        ("36:00", "PT36H"),
        ("90 seconds", "PT1M30S"),
        ("30 seconds", "PT30S"),
        ("0.000001 seconds", "PT0.000001S"),
        ("0", "P0D"),
    ],
)
def test_interval_is_read_as_an_exact_duration(
    tx: psycopg.Connection, interval: str, duration: str
) -> None:
    oid = psycopg.adapters.types["interval"].oid
    loader = ADAPTERS.get_loader(oid, Format.BINARY)
    assert loader is not None
    tx.adapters.register_loader("interval", loader)
    row = tx.execute("SELECT %s::interval", (interval,), binary=True).fetchone()
    assert row == (duration,)


def test_global_adapters_of_psycopg_are_unchanged(tx: psycopg.Connection) -> None:
    oid = psycopg.adapters.types["interval"].oid
    loader = ADAPTERS.get_loader(oid, Format.BINARY)
    assert psycopg.adapters.get_loader(oid, Format.BINARY) is not loader
    assert tx.adapters.get_loader(oid, Format.BINARY) is not loader
