"""The examples of a Markdown document, run as a reader would, top to bottom.

What a document has to keep to, so that nothing in it is left out by mistake:

* ```` ```console ```` is a terminal session: lines that begin with `$ ` are commands, what follows
  is what they print.
* ```` ```python ```` and ```` ```sql ```` (for psql) are run; ```` ```text ```` right behind such a
  block is what it prints.
* A block after a line that begins with a path in backquotes and ends with a colon is that file; one
  after "From", such a path and a colon, also in the middle of a line, is a part of that file.
* ```` ```sh ```` is what cannot be run here, as installing. Text that follows no such block is a
  picture. There are no others.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from ledger_py.settings import PROJECT_ROOT

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED_FILE: Final = re.compile(r"^`([\w./-]+)`.*:$")
_QUOTED_FILE: Final = re.compile(r"\bFrom `([\w./-]+)`:$")
_STAND_IN_FOR_CURL: Final = Path(__file__).with_name("stand_in_for_curl.py")

# What differs from run to run. Layout is not compared either: long answers are wrapped by hand.
_VARYING: Final = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?| UTC)?", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\b[0-9a-f]{32,64}\b", "HEX"),
    (r"\(\d+ files\)", "(N files)"),
    (r"-{3,}", "-"),
    (r"\s+", ""),
)


class Block(msgspec.Struct, frozen=True):
    """A fenced block."""

    line: int
    language: str
    text: str
    path: str | None
    """The file that it is, if it is one."""
    quotes: str | None
    """The file that it is a part of, if it is one."""
    output: str | None
    """What it prints, if the document says so."""


def blocks_of(document: Path, section: str | None = None) -> list[Block]:
    """Read the fenced blocks of a document.

    Args:
        document: The Markdown file.
        section: A heading of the second level: only what is below it, up to the next one.

    Returns:
        The blocks in their order; outputs belong to the blocks that print them.
    """
    whole = document.read_text(encoding="utf-8")
    begin, end = 0, len(whole)
    if section is not None:
        begin = whole.index(f"\n## {section}\n")
        following = whole.find("\n## ", begin + 1)
        end = end if following < 0 else following
    fences = re.findall(r"^\s*```", whole[begin:end], re.MULTILINE)
    assert len(fences) == 2 * len(_FENCE.findall(whole, begin, end)), "a block cannot be read"
    blocks: list[Block] = []
    for found in _FENCE.finditer(whole, begin, end):
        language, text = found.groups()
        before = whole[begin : found.start()].rstrip()
        if language == "text" and blocks and before.endswith("```"):
            blocks[-1] = msgspec.structs.replace(blocks[-1], output=text)
        else:
            line = whole.count("\n", 0, found.start()) + 1
            named = _NAMED_FILE.match(before.rpartition("\n")[2])
            quoted = _QUOTED_FILE.search(before)
            blocks.append(
                Block(line, language, text, named and named[1], quoted and quoted[1], None)
            )
        begin = found.end() - 3  # so that the fence is seen as what comes before
    return blocks


def free_port() -> str:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return str(taken.getsockname()[1])


def same(actual: str, expected: str) -> bool:
    """Compare what was printed with what a document says, but for times, ids and layout."""
    return _without_varying(actual) == _without_varying(expected)


def _without_varying(text: str) -> str:
    for pattern, instead in _VARYING:
        text = re.sub(pattern, instead, text)
    return text


class Reader:
    """Somebody who follows a document, in a checkout and with a database of their own.

    Args:
        database: The address of the database.
        root: The checkout.
        instead: What to write instead of words of the document: ports, names of roles.
        curl: Whether the program `curl` is used; if left out, whether there is one.
    """

    def __init__(
        self,
        database: str,
        *,
        root: Path = PROJECT_ROOT,
        instead: Mapping[str, str] | None = None,
        curl: bool | None = None,
    ) -> None:
        programs = Path(sys.executable).parent
        self._root = root
        self._instead = {".venv/bin/": f"{shlex.quote(str(programs))}/"} | dict(instead or {})
        self._environment = dict(os.environ) | {
            "DATABASE_URL": database,
            "LEDGER_LOG_FORMAT": "json",
            "PYTHONPATH": str(root),
        }
        self._environment.pop("COLUMNS", None)  # psql lays tables out by it
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

    def follow(self, blocks: Sequence[Block]) -> None:
        """Do what the blocks say, and compare what is printed.

        Raises:
            AssertionError: Something failed, or printed something else.
        """
        for block in blocks:
            self._do(block)

    def _do(self, block: Block) -> None:
        where = f"line {block.line}"
        if block.path is not None:
            file = self._root / block.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.quotes is not None:
            quoted = (self._root / block.quotes).read_text(encoding="utf-8")
            assert block.text in quoted, f"{where} is not in {block.quotes}"
        elif block.language == "console":
            for command, output in _commands(block.text):
                self._enter(command, output, where)
        elif block.language == "python":
            self._run([sys.executable, "-"], block.text, block.output, where)
        elif block.language == "sql":
            psql = [sys.executable, "-m", "ledger_py", "psql", "-X", "-v", "ON_ERROR_STOP=1"]
            self._run(psql, block.text, block.output, where)
        else:
            assert block.language in ("sh", "text"), f"{where}: what is {block.language!r}?"

    def _enter(self, command: str, output: str, where: str) -> None:
        """Enter a command in a terminal; services stay until the end."""
        command = self._with_substitutes(command)
        if " serve " in command:
            self._opened.enter_context(_Service(command, self._root, self._environment))
            return
        if not self._use_curl:
            stand_in = shlex.join([sys.executable, str(_STAND_IN_FOR_CURL)])
            command = re.sub(r"^curl\b", lambda _: stand_in, command)
        self._run(["sh", "-c", command], "", output, where)

    def _run(self, command: list[str], given: str, expected: str | None, where: str) -> None:
        done = subprocess.run(
            command,
            input=self._with_substitutes(given),
            cwd=self._root,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{where} failed:\n{done.stdout}{done.stderr}"
        if expected is not None:
            assert same(done.stdout, self._with_substitutes(expected)), (
                f"{where} prints something else:\n{done.stdout}"
            )

    def _with_substitutes(self, text: str) -> str:
        for word, other in self._instead.items():
            text = text.replace(word, other)
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


def _commands(session: str) -> list[tuple[str, str]]:
    """Take a terminal session apart into commands and what each prints."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, output = re.sub(r"\\\n", " ", part).partition("\n")
        found.append((command, output))
    return found
