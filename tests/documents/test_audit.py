"""The auditor's questions in sql/README.md have the answers that it gives, for a real auditor."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from ledger_py.settings import PROJECT_ROOT
from tests.documents.examples import Block, Reader, blocks_of, same

STORY, *QUESTIONS = blocks_of(PROJECT_ROOT / "sql/README.md", "Ten questions of an auditor")
ROLES = ("app1_service", "app2_service", "olga", "axel")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*( UTC)?")


@pytest.fixture
def instead(conn: psycopg.Connection[TupleRow]) -> Iterator[dict[str, str]]:
    """This month in the place of the story's, and names of roles that nobody else has."""
    month = datetime.now(UTC).replace(day=1)
    months = [month]
    for _ in range(2):
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    told = ("2025-11", "2025-12", "2026-01")
    # The last month first: it could be written as one that is then replaced again.
    names = {old: f"{new:%Y-%m}" for old, new in reversed(list(zip(told, months, strict=True)))}
    roles = {role: f"ledger_test_{os.getpid()}_{role}" for role in ROLES}
    yield names | roles
    for role in roles.values():
        conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def answer_of(block: Block) -> str:
    """Give what the page says that a block prints."""
    return block.output or "".join(re.findall(r"^(?!\$ ).*\n", block.text, re.MULTILINE))


def test_answers(ledger_db: str, checkout: Path, instead: dict[str, str]) -> None:
    with Reader(ledger_db, root=checkout, instead=instead) as owner:
        owner.follow([STORY])
    auditor = make_conninfo(ledger_db, user=instead["axel"], password="change me")
    with Reader(auditor, root=checkout, instead=instead) as reader:
        reader.follow(QUESTIONS)

        first = QUESTIONS[0]
        wrong = msgspec.structs.replace(first, output=answer_of(first).replace(" 482 ", " 483 "))
        with pytest.raises(AssertionError, match=f"line {first.line} prints something else"):
            reader.follow([wrong])


def test_there_are_ten_and_each_has_its_answer() -> None:
    text = (PROJECT_ROOT / "sql/README.md").read_text(encoding="utf-8")
    asked = re.findall(r"^### (\d+)\. .*\?$", text, re.MULTILINE)

    assert asked == [str(number) for number in range(1, 11)]
    # The first one is asked twice, of the database and of the command.
    assert len([block for block in QUESTIONS if answer_of(block)]) == 11


@pytest.mark.parametrize("block", QUESTIONS, ids=lambda block: f"line {block.line}")
def test_no_other_answer_would_be_taken_for_it(block: Block) -> None:
    answer = answer_of(block)
    times = [at for found in TIME.finditer(answer) for at in range(*found.span())]
    told = [at for at, letter in enumerate(answer) if letter.isalnum() and at not in times]

    assert told != []
    for at in told:
        other = "1" if answer[at] != "1" else "2"
        assert not same(answer[:at] + other + answer[at + 1 :], answer), answer[at:]
