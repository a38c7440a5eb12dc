"""Everything that is kept about one owner, for whoever asks."""

from __future__ import annotations

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, refused, rows, scalar
from tests.sql.full_books import BEGINNING, fill

_TABLES = """
    SELECT array_agg(DISTINCT table_name::text ORDER BY table_name::text)
    FROM information_schema.columns
    INNER JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'ledger' AND table_type = 'BASE TABLE' AND column_name = 'owner_id'
"""


def test_every_row_of_the_owner_is_there_and_no_other(tx: Connection) -> None:
    fill(tx, Clock(tx, BEGINNING))
    tables = scalar(tx, _TABLES)
    for (owner_id,) in tx.execute("SELECT DISTINCT owner_id FROM ledger.accounts").fetchall():
        (answer,) = rows(tx, "subject_data", owner_id=owner_id)
        data = answer["subject_data"]
        assert sorted(data) == tables
        for table, found in data.items():
            count = f"SELECT count(*) FROM ledger.{table} WHERE owner_id = %s"
            assert len(found) == scalar(tx, count, owner_id), table
            assert {row["owner_id"] for row in found} <= {owner_id}
        entries = [(row["asset"], row["seq"]) for row in data["entries"]]
        assert entries == sorted(entries)


def test_unknown_owner_has_nothing(tx: Connection) -> None:
    data = scalar(tx, "SELECT ledger.subject_data('nobody')")
    assert set(map(len, data.values())) == {0}


@pytest.mark.parametrize("owner_id", [None, "", "x" * 256])
def test_owner_must_be_one(tx: Connection, owner_id: str | None) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "subject_data", owner_id=owner_id)
    assert refusal.detail["field"] == "owner_id"
