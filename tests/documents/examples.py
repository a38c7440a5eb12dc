"""The examples of a Markdown document, run as a reader would, top to bottom.

A document keeps to these rules, so that no example is left out by mistake:

* ```` ```console ```` is a terminal session: lines that begin with `$ ` are commands, the lines
  after a command are its output.
* ```` ```python ```` and ```` ```sql ```` (for psql) are run; ```` ```text ```` right behind such a
  block is its output.
* A block after a line that begins with a path in backquotes and ends with a colon is that file; a
  block after "From", a path in backquotes and a colon is a part of that file.
* ```` ```sh ```` is for commands that cannot be run here, such as installing. A ```` ```text ````
  that follows no example is a picture. There are no other languages.
* `<!-- run as NAME -->` on a line of its own: what follows is run by that login, whose password is
  "change me".
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from psycopg.conninfo import make_conninfo

from ledger_py.cli.psql import psql_command

__all__ = (
    "VARYING",
    "Example",
    "Mismatch",
    "Reader",
    "examples_of",
    "programs_of",
    "same",
    "with_outputs",
)

_FENCE: Final = re.compile(
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$|^<!-- run as (?P<login>\w+) -->$",
    re.MULTILINE | re.DOTALL,
)
_NAMED_FILE: Final = re.compile(r"^`([\w/-]*[/.][\w./-]*)`.*:$")
_QUOTED_FILE: Final = re.compile(r"\bFrom `([\w./-]+)`:$")
# A command goes on behind a backslash, and inside of single quotes.
_COMMAND: Final = re.compile(
    r"^\$ ((?:[^'\\\n]|\\\n|\\.|'[^']*')*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE
)
_STAND_IN_FOR_CURL: Final = Path(__file__).with_name("stand_in_for_curl.py")
_WIDTH: Final = 118

VARYING: Final = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?| UTC)?", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\b[0-9a-f]{32,64}\b", "HEX"),
    (r"\(\d+ files\)", "(N files)"),
    (r"\bid: \d+-\d+-\d+-[0-9a-f]{8}", "CURSOR"),
)
"""Patterns of text that differs from run to run, and what they are compared as."""

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.(?=\d*[1-9])\d+")
"""A time that was read off a clock: two events do not share its microsecond."""

_LAYOUT: Final = ((r"-{3,}", "-"), (r"\s+", ""))
"""Layout is not compared: long answers are wrapped."""


class Example(msgspec.Struct, frozen=True):
    """Something in a document that a reader does."""

    line: int
    kind: str
    """`command`, `python`, `sql`, `file`, `part` (of a file) or `login`."""
    text: str
    path: str = ""
    """Of a file, or of the file of a part."""
    output: str | None = None
    """The output that the document shows, if it shows one."""
    output_at: tuple[int, int] = (0, 0)
    """Its beginning and end in the document."""


class Mismatch(msgspec.Struct, frozen=True):
    """An example whose output is not the one in the document."""

    example: Example
    actual: str


def examples_of(document: str) -> list[Example]:
    """Read the examples of a document.

    Args:
        document: The text of the Markdown file.

    Returns:
        The examples in their order.

    Raises:
        AssertionError: A block breaks the rules, and would be left out.
    """
    examples: list[Example] = []
    end = 0
    for found in _FENCE.finditer(document):
        before = document[end : found.start()].strip()
        language, text, at = found["language"], found["text"], found.start("text")
        assert "```" not in before, f"unreadable block: {before}"
        line = document.count("\n", 0, found.start()) + 1
        named = _NAMED_FILE.match(before.rpartition("\n")[2])
        file = named or _QUOTED_FILE.search(before)
        if found["login"]:
            examples.append(Example(line, "login", found["login"]))
        elif file:
            examples.append(Example(line, "file" if named else "part", text, file[1]))
        elif language == "console":
            commands = list(_COMMAND.finditer(text))
            assert len(commands) == len(re.findall(r"^\$ ", text, re.MULTILINE)), f"line {line}"
            for command in commands:
                place = line + 1 + text.count("\n", 0, command.start())
                where = (at + command.start(2), at + command.end(2))
                examples.append(Example(place, "command", command[1], "", command[2], where))
        elif language in ("python", "sql"):
            examples.append(Example(line, language, text))
        elif language == "text" and not before and examples:
            where = (at, at + len(text))
            assert examples[-1].kind in ("python", "sql"), f"line {line}: output of what?"
            examples[-1] = msgspec.structs.replace(examples[-1], output=text, output_at=where)
        else:
            assert language in ("sh", "text"), f"line {line}: what is {language!r}?"
        end = found.end()
    assert "```" not in document[end:], f"unreadable block: {document[end:]}"
    return examples


def programs_of(examples: Iterable[Example]) -> set[str]:
    """Return the programs that the commands of a document begin with."""
    return {example.text.split()[0] for example in examples if example.kind == "command"}


def same(actual: str, expected: str) -> bool:
    """Compare an output with the one in a document, but for times, ids and layout."""
    return _comparable(actual) == _comparable(expected)


def _comparable(text: str) -> str:
    for pattern, instead in (*VARYING, *_LAYOUT):
        text = re.sub(pattern, instead, text)
    return text


def with_outputs(document: str, mismatches: Iterable[Mismatch]) -> str:
    """Put actual outputs into a document, in the place of those that it shows."""
    for mismatch in sorted(mismatches, key=lambda one: one.example.output_at, reverse=True):
        begin, end = mismatch.example.output_at
        lines = "".join(f"{line}\n" for line in _wrapped(mismatch.actual.rstrip()))
        document = document[:begin] + lines + document[end:]
    return document


def _wrapped(output: str) -> Iterator[str]:
    """Wrap JSON between its members; other lines stay as they are."""
    for line in output.splitlines():
        shown = line.rstrip()
        while len(shown) > _WIDTH and (cut := shown.rfind(',"', 1, _WIDTH)) > 0:
            yield shown[: cut + 1]
            shown = " " + shown[cut + 1 :]
        yield shown


class Reader:
    """Somebody who follows a document, in a checkout and with a database of their own.

    Args:
        database: The address of the database.
        root: The checkout.
        instead: Replacements for words of the document: ports, names of roles, months.
        curl: True to use the program `curl`; by default, if it is installed.
        settings: More of the environment.
    """

    def __init__(
        self,
        database: str,
        *,
        root: Path,
        instead: Mapping[str, str],
        curl: bool | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._root = root
        self._database = database
        self._instead = instead
        self._environment = dict(os.environ) | {
            "DATABASE_URL": database,
            "LEDGER_LOG_FORMAT": "json",
            "PYTHONPATH": str(root),
            **(settings or {}),
        }
        self._environment.pop("COLUMNS", None)  # psql lays tables out by it
        self._moments: dict[str, str] = {}  # when something happened, and when by the document
        self._opened = ExitStack()
        self._use_curl = shutil.which("curl") is not None if curl is None else curl

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def follow(self, examples: Iterable[Example]) -> list[Mismatch]:
        """Do what the examples say.

        Returns:
            The examples that print something else than the document shows, with its words. One
            that shows another time for a moment than an example before it is among them.

        Raises:
            AssertionError: A command failed.
        """
        mismatches = []
        for example in examples:
            actual = self._do(example)
            if example.output is None:
                continue
            alike = same(actual, self._replace(example.output))
            told = self._tell(self._restore(actual), example.output if alike else "")
            if not alike or _MOMENT.findall(told) != _MOMENT.findall(example.output):
                mismatches.append(Mismatch(example, told))
        return mismatches

    def _tell(self, actual: str, shown: str) -> str:
        """Put in the moments as the document has told them, after learning those that it shows."""
        for moment, told in zip(_MOMENT.findall(actual), _MOMENT.findall(shown), strict=False):
            self._moments.setdefault(moment, told)
        return _MOMENT.sub(lambda found: self._moments.get(found[0], found[0]), actual)

    def _do(self, example: Example) -> str:
        where = f"line {example.line}"
        match example.kind:
            case "file":
                file = self._root / example.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(example.text, encoding="utf-8")
            case "part":
                whole = (self._root / example.path).read_text(encoding="utf-8")
                assert example.text in whole, f"{where} is not in {example.path}"
            case "login":
                user = self._replace(example.text)
                login = make_conninfo(self._database, user=user, password="change me")
                self._environment["DATABASE_URL"] = login
            case "command":
                return self._enter(example.text, where)
            case "python":
                return self._run([sys.executable, "-"], example.text, where)
            case "sql":
                # As `ledger psql` does, which takes ten times as long to start.
                psql, secret = psql_command(self._environment["DATABASE_URL"])
                self._environment.pop("PGPASSWORD", None)
                self._environment |= secret
                return self._run([*psql, "-X", "-v", "ON_ERROR_STOP=1"], example.text, where)
        return ""

    def _enter(self, command: str, where: str) -> str:
        """Enter a command in a terminal; services run until the end."""
        programs = shlex.quote(str(Path(sys.executable).parent))
        command = self._replace(command).replace(".venv/bin/", f"{programs}/")
        if " serve " in command:
            self._opened.enter_context(_Service(command, self._root, self._environment))
            return ""
        if not self._use_curl:
            stand_in = shlex.join([sys.executable, str(_STAND_IN_FOR_CURL)])
            command = re.sub(r"^curl\b", lambda _: stand_in, command)
        return self._run(["sh", "-c", command], "", where)

    def _run(self, command: list[str], given: str, where: str) -> str:
        done = subprocess.run(
            command,
            input=self._replace(given),
            cwd=self._root,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{where} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _replace(self, text: str) -> str:
        for word, other in self._instead.items():
            text = text.replace(word, other)
        return text

    def _restore(self, text: str) -> str:
        for word, other in self._instead.items():
            text = text.replace(other, word)
        return text


class _Service:
    """A command that serves until it is told to stop; entering it waits until it serves."""

    def __init__(self, command: str, root: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            shlex.split(command),
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def __enter__(self) -> None:
        assert self._process.stdout is not None
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if "Uvicorn running" in line:
                return
        self._process.communicate()
        raise AssertionError("".join(printed))

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()
