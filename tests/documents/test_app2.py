"""The how-to of app2 does what it says."""

from __future__ import annotations

from ledger_py.settings import PROJECT_ROOT
from tests.documents.examples import Reader, blocks_of, free_port


def test_examples(ledger_db: str) -> None:
    with Reader(ledger_db, instead={"8001": free_port()}) as reader:
        reader.follow(blocks_of(PROJECT_ROOT / "apps/app2/README.md"))
