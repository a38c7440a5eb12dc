"""Clusters for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ledger_py.cluster import files, setup
from tests.distributed.clusters import Partitions, described
from tests.distributed.fronts import RunningFront, front_server, running_front
from tests.fixtures.database import Server, fast_folder, new_database


@pytest.fixture
def cluster(clone: str, ledger_server: Server, tmp_path: Path) -> Iterator[Partitions]:
    """A cluster of two partitions, which are databases of one server."""
    with _cluster(clone, ledger_server, tmp_path) as made:
        yield made


@contextmanager
def _cluster(clone: str, ledger_server: Server, folder: Path) -> Iterator[Partitions]:
    with ExitStack() as stack:
        urls = [stack.enter_context(new_database(ledger_server, clone)) for _ in range(2)]
        path = folder / "cluster.toml"
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


@pytest.fixture(scope="session")
def front_server_url() -> Iterator[str]:
    """The address of a server of PostgreSQL 15 that has PL/Proxy."""
    with (
        tempfile.TemporaryDirectory(prefix="ledger-test-", dir=fast_folder()) as name,
        front_server(Path(name)) as url,
    ):
        Path(name).chmod(0o711)
        yield url


@pytest.fixture(scope="module")
def shared_front(
    clone: str, ledger_server: Server, front_server_url: str
) -> Iterator[RunningFront]:
    """A front that the tests of a module share: they leave it as it is, and use new owners."""
    with ExitStack() as stack:
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="ledger-test-", dir=fast_folder())
        )
        Path(name).chmod(0o711)
        cluster = stack.enter_context(_cluster(clone, ledger_server, Path(name)))
        database = stack.enter_context(new_database(Server(front_server_url)))
        yield stack.enter_context(running_front(cluster, database, Path(name)))


@pytest.fixture
def front(cluster: Partitions, front_server_url: str, folder: Path) -> Iterator[RunningFront]:
    """A front for one test."""
    with (
        new_database(Server(front_server_url)) as database,
        running_front(cluster, database, folder) as running,
    ):
        yield running
