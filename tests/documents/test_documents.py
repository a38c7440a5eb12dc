"""The documents are true: their examples print what they show, and their links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Set
from pathlib import Path

import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.documents.examples import (
    VARYING,
    Example,
    Mismatch,
    Reader,
    examples_of,
    same,
    with_outputs,
)

PATTERNS = ("*.md", "docs/**/*.md", "sql/**/*.md", "apps/**/*.md", "tests/**/*.md")
TEXTS = {
    path.relative_to(PROJECT_ROOT).as_posix(): path.read_text(encoding="utf-8")
    for pattern in PATTERNS
    for path in sorted(PROJECT_ROOT.glob(pattern))
}
EXAMPLES = {name: found for name, text in TEXTS.items() if (found := examples_of(text))}


@pytest.mark.parametrize("document", EXAMPLES)
def test_examples_print_what_the_document_shows(
    document: str, read: Callable[..., Reader], pytestconfig: pytest.Config
) -> None:
    with read(TEXTS[document]) as reader:
        mismatches = reader.follow(EXAMPLES[document])

    if mismatches and pytestconfig.getoption("update_examples", default=False):
        text = with_outputs(TEXTS[document], mismatches)
        (PROJECT_ROOT / document).write_text(text, encoding="utf-8")
    else:
        assert [f"line {one.example.line}:\n{one.actual}" for one in mismatches] == []


@pytest.mark.parametrize("document", ["docs/how-to/http.md", "docs/how-to/feed.md"])
def test_http_examples_work_without_curl(document: str, read: Callable[..., Reader]) -> None:
    with read(TEXTS[document], curl=False) as reader:
        assert reader.follow(EXAMPLES[document]) == []


@pytest.mark.parametrize("document", EXAMPLES)
def test_different_output_does_not_match(document: str) -> None:
    for example in EXAMPLES[document]:
        output = example.output or ""
        varying = {
            at
            for pattern, _ in VARYING
            for found in re.finditer(pattern, output)
            for at in range(*found.span())
        }
        for at, letter in enumerate(output):
            if letter.isalnum() and at not in varying:
                other = output[:at] + ("2" if letter == "1" else "1") + output[at + 1 :]
                assert not same(other, output), output[at:]


def test_actual_outputs_can_be_put_into_a_document() -> None:
    document = "```sql\nSELECT 1;\n```\n\n```text\n2\n```\n\n```console\n$ a\n3\n$ b \\\n  c\n```\n"
    first, second, third = examples_of(document)
    long = f'{{"one":"{"x" * 60}","two":"{"y" * 60}"}}'

    written = with_outputs(document, [Mismatch(first, "1\n"), Mismatch(second, long)])

    assert third == Example(12, "command", "b \\\n  c", "", "", (64, 64))
    assert [example.output for example in examples_of(written)] == [
        "1\n",
        long.replace(',"', ',\n "') + "\n",
        "",
    ]


def test_output_that_differs_is_reported_in_words_of_the_document(
    read: Callable[..., Reader],
) -> None:
    document = (
        "```sql\nCREATE ROLE teller;\nSELECT rolname FROM pg_roles WHERE rolname ~ 'teller';\n```\n"
        "```text\nCREATE ROLE\n rolname\n---\n cashier\n(1 row)\n```\n"
    )

    with read(document) as reader:
        (mismatch,) = reader.follow(examples_of(document))

    assert "teller" in mismatch.actual.split()


def test_moment_that_is_told_as_two_times_is_reported(read: Callable[..., Reader]) -> None:
    happened, first, other = (f"2025-11-27T08:00:00.00000{second}Z" for second in (1, 2, 3))
    document = "```console\n" + f"$ echo {happened}\n{first}\n" * 2
    document += f"$ echo {happened}\n{other}\n```\n"

    with read(document) as reader:
        (mismatch,) = reader.follow(examples_of(document))

    assert (mismatch.example.line, mismatch.actual) == (6, f"{first}\n")


@pytest.mark.parametrize(
    "document",
    [
        "```bash\nls\n```\n",
        "```sql\nSELECT 1;\n",
        "* a\n  ```sql\n  SELECT 1;\n  ```\n",
        "`a.sql`:\n\n```sql\nSELECT 1;\n```\n\n```text\n```\n",
    ],
)
def test_block_that_would_be_left_out_is_refused(document: str) -> None:
    with pytest.raises(AssertionError, match=r"what is 'bash'|unreadable block|output of what"):
        examples_of(document)


def test_sentence_that_begins_with_a_name_does_not_make_the_block_a_file() -> None:
    (found,) = examples_of("`Session` has a connection:\n\n```python\nprint(1)\n```\n")

    assert found.kind == "python"


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make on this machine")
def test_commands_without_make_are_those_of_make() -> None:
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("--quiet --disable-pip-version-check ", "")
    shown = re.findall(r"^(?:python3|\.venv/bin/(?:python|ledger)) .+", _without_make(), re.M)

    assert len(shown) == 4
    assert [command for command in shown if command not in made] == []


def _without_make() -> str:
    page = TEXTS["docs/how-to/run-a-service.md"]
    return page.partition("## Without make")[2].partition("\n## ")[0]


def test_every_page_is_listed_in_the_index() -> None:
    index = TEXTS["docs/index.md"]
    listed = {
        (PROJECT_ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", index)
    }

    assert [page for page in TEXTS if (PROJECT_ROOT / page).resolve() not in listed] == [
        "docs/index.md"
    ]


def test_readme_is_short() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 150


@pytest.mark.parametrize("document", TEXTS)
def test_links_and_commands_lead_somewhere(document: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", TEXTS[document], flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)|\b(?:src|href)=\"([^\"]+)\"", prose)
    paths = re.findall(r"`((?:sql|migrations|ledger_py|apps|tests|docs|\.ci)/[\w./-]*)`", prose)
    written = {example.path for example in EXAMPLES.get(document, []) if example.kind == "file"}
    targets = re.findall(r"`make ([\w-]+)", prose)
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")

    assert [link for pair in links if not _leads(link := "".join(pair), document)] == []
    assert [path for path in paths if not _is_there(path, written)] == []
    assert [target for target in targets if f"\n{target}:" not in makefile] == []


def _is_there(path: str, written: Set[str]) -> bool:
    return (PROJECT_ROOT / path).exists() or any(file.startswith(path) for file in written)


def _leads(link: str, document: str) -> bool:
    if re.match(r"\w+://", link):
        return True
    path, _, anchor = link.partition("#")
    file = ((PROJECT_ROOT / document).parent / path).resolve() if path else PROJECT_ROOT / document
    return file.exists() and (not anchor or anchor in _anchors(file))


def _anchors(file: Path) -> list[str]:
    """The anchors that GitHub gives to the headings of a document."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
