"""Clusters for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger_py.cluster import files, setup
from tests.distributed.clusters import Partitions, described
from tests.fixtures.database import Server, fast_folder, new_database


@pytest.fixture
def cluster(clone: str, ledger_server: Server, tmp_path: Path) -> Iterator[Partitions]:
    """A cluster of two partitions, which are databases of one server."""
    with ExitStack() as stack:
        urls = [stack.enter_context(new_database(ledger_server, clone)) for _ in range(2)]
        path = tmp_path / "cluster.toml"
        files.write(path, described(*urls))
        setup.init(files.read(path), report=lambda _line: None)
        yield stack.enter_context(Partitions(path))


@pytest.fixture
def fresh_urls(ledger_server: Server) -> Iterator[list[str]]:
    """The addresses of two empty databases."""
    with new_database(ledger_server) as first, new_database(ledger_server) as second:
        yield [first, second]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that servers started by root can reach."""
    with tempfile.TemporaryDirectory(prefix="ledger-test-", dir=fast_folder()) as name:
        Path(name).chmod(0o711)
        yield Path(name)
