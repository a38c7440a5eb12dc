"""The file of a cluster: its buckets, and the partition that keeps each of them.

Written in TOML::

    buckets = 256

    [partitions.p0]
    url = "postgresql://db0.example.org/ledger"
    buckets = "0-127"

    [partitions.p1]
    url = "postgresql://db1.example.org/ledger"
    buckets = "128-255"

A front is named beside them (`ledger cluster front`)::

    [fronts.f0]
    url = "postgresql://postgres@front0.example.org/ledger"
    pooler = "127.0.0.1:6432"

Addresses without user and password leave both to libpq: PGUSER, and `.pgpass` or PGPASSWORD.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from psycopg.conninfo import conninfo_to_dict

from ledger_py.cluster.buckets import (
    MOST_BUCKETS,
    Ranges,
    bucket_of,
    is_count,
    read_ranges,
    write_ranges,
)
from ledger_py.cluster.errors import ClusterError
from ledger_py.database_urls import plain_database_url

__all__ = ("KEPT", "ClusterFile", "Front", "Partition", "kept_fault", "read", "stamp", "write")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MEMBERS: Final = frozenset({"buckets", "fronts", "partitions"})
_MEMBERS_OF_PARTITION: Final = frozenset({"url", "buckets"})
_MEMBERS_OF_FRONT: Final = frozenset({"url", "pooler"})
_POOLER: Final = "127.0.0.1:6432"


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition as the file describes it."""

    name: str
    url: str
    kept: Ranges

    @property
    def multirange(self) -> str:
        """The buckets, as PostgreSQL writes an int4multirange."""
        return "{" + ",".join(f"[{one.start},{one.stop})" for one in self.kept) + "}"

    @property
    def place(self) -> str:
        """The address without a password, for people."""
        return _place_of(self.url)


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """A front as the file describes it."""

    name: str
    url: str
    """The address of its database, for a superuser: PL/Proxy is an untrusted language."""
    pooler_host: str
    """Where the PgBouncer beside it listens."""
    pooler_port: int

    @property
    def place(self) -> str:
        """The address without a password, for people."""
        return _place_of(self.url)


def _place_of(url: str) -> str:
    given = conninfo_to_dict(url)
    parts = (given.get("host"), given.get("port"), given.get("dbname"))
    return " ".join(str(part) for part in parts if part)


class ClusterFile(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file. Each bucket has exactly one partition."""

    buckets: int
    partitions: tuple[Partition, ...]
    """In the order of the file."""
    fronts: tuple[Front, ...] = ()
    positions: tuple[int, ...] = ()
    """The position among the partitions of the one that keeps each bucket; it is computed."""

    def __post_init__(self) -> None:
        positions = [-1] * self.buckets
        for number, partition in enumerate(self.partitions):
            for bucket in (bucket for one in partition.kept for bucket in one):
                if bucket >= self.buckets:
                    raise ClusterError(
                        f"partitions.{partition.name}: there is no bucket {bucket}; the last is"
                        f" {self.buckets - 1}"
                    )
                if positions[bucket] >= 0:
                    other = self.partitions[positions[bucket]].name
                    raise ClusterError(
                        f"Bucket {bucket} has two partitions: {other} and {partition.name}"
                    )
                positions[bucket] = number
        if -1 in positions:
            raise ClusterError(
                f"Bucket {positions.index(-1)} has no partition ({positions.count(-1)} have none)"
            )
        msgspec.structs.force_setattr(self, "positions", tuple(positions))

    def number_of(self, owner_id: str) -> int:
        """Return the position of the partition that keeps an owner."""
        return self.positions[bucket_of(owner_id, self.buckets)]

    def partition(self, name: str) -> Partition:
        """Return a partition by its name.

        Raises:
            ClusterError: There is none.
        """
        for partition in self.partitions:
            if partition.name == name:
                return partition
        known = ", ".join(one.name for one in self.partitions)
        raise ClusterError(f"The file has no partition {name}; it has {known}")

    def front(self, name: str) -> Front:
        """Return a front by its name.

        Raises:
            ClusterError: There is none.
        """
        for front in self.fronts:
            if front.name == name:
                return front
        known = ", ".join(one.name for one in self.fronts) or "none"
        raise ClusterError(f"The file has no front {name} ([fronts.{name}]); it has {known}")

    def with_partition(self, changed: Partition) -> ClusterFile:
        """Return the file with another partition of that name."""
        partitions = tuple(changed if p.name == changed.name else p for p in self.partitions)
        return msgspec.structs.replace(self, partitions=partitions)


KEPT: Final = "SELECT partition_name, buckets, kept = %s::int4multirange FROM ledger.kept_buckets()"
"""Asks a partition for what it keeps; the parameter is what the file says, as a multirange."""


def kept_fault(
    row: tuple[Any, ...] | None, cluster: ClusterFile, partition: Partition
) -> str | None:
    """Compare what a partition keeps with the file.

    Args:
        row: The row of `KEPT`, or None without one.
        cluster: The file.
        partition: The partition as it is in the file.

    Returns:
        What is different; None if nothing is.
    """
    if row is None:
        return "is no partition of a cluster yet: `ledger cluster init`"
    name, buckets, equal = row
    if (name, buckets) != (partition.name, cluster.buckets):
        return f"is partition {name} of a cluster of {buckets} buckets"
    return None if equal else "keeps other buckets than the file says"


def read(path: Path) -> ClusterFile:
    """Read the file of a cluster.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        ClusterError: The file cannot be read or is malformed; the message names it.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ClusterError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ClusterError(f"{path} is not TOML: {error}") from error
    try:
        return _cluster_of(content)
    except ClusterError as error:
        raise ClusterError(f"{path}: {error}") from error


def stamp(path: Path) -> tuple[int, ...] | None:
    """Return what differs when the file has changed; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def write(path: Path, cluster: ClusterFile) -> None:
    """Write the file of a cluster. Whoever reads it sees the old content or the new one.

    Args:
        path: The file; its mode is kept, and a new one is readable by its owner only.
        cluster: The content.

    Raises:
        ClusterError: The file cannot be written.
    """
    try:
        path = path.resolve()
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False
        ) as new:
            try:
                new.write(_text_of(cluster))
                new.flush()
                os.fsync(new.fileno())
                Path(new.name).chmod(mode)
                Path(new.name).replace(path)
            except BaseException:
                Path(new.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ClusterError(f"{path} cannot be written: {error.strerror}") from error


def _text_of(cluster: ClusterFile) -> str:
    parts = [
        "# The partitions of a shared ledger: docs/partitions.md. Written by `ledger cluster`.\n"
        f"buckets = {cluster.buckets}\n"
    ]
    for partition in cluster.partitions:
        parts.append(
            f"[partitions.{partition.name}]\n"
            # A string of JSON is one of TOML.
            f"url = {json.dumps(partition.url, ensure_ascii=False)}\n"
            f'buckets = "{write_ranges(partition.kept)}"\n'
        )
    for front in cluster.fronts:
        parts.append(
            f"[fronts.{front.name}]\n"
            f"url = {json.dumps(front.url, ensure_ascii=False)}\n"
            f'pooler = "{front.pooler_host}:{front.pooler_port}"\n'
        )
    return "\n".join(parts)


def _cluster_of(content: Mapping[str, Any]) -> ClusterFile:
    _check_members(content, _MEMBERS, "the file")
    buckets = content.get("buckets")
    if not isinstance(buckets, int) or isinstance(buckets, bool) or not is_count(buckets):
        raise ClusterError(f"buckets: must be a power of two of at most {MOST_BUCKETS}")
    partitions = content.get("partitions")
    if not isinstance(partitions, dict) or not partitions:
        raise ClusterError("partitions: must be tables such as [partitions.p0]")
    fronts = content.get("fronts", {})
    if not isinstance(fronts, dict):
        raise ClusterError("fronts: must be tables such as [fronts.f0]")
    return ClusterFile(
        buckets=buckets,
        partitions=tuple(_partitions_of(partitions)),
        fronts=tuple(_fronts_of(fronts)),
    )


def _partitions_of(partitions: Mapping[str, Any]) -> Iterator[Partition]:
    for name, given in partitions.items():
        where = f"partitions.{name}"
        _check_table(name, given, where, _MEMBERS_OF_PARTITION, required=_MEMBERS_OF_PARTITION)
        try:
            kept = read_ranges(given["buckets"])
        except ValueError as error:
            raise ClusterError(f"{where}.buckets: {error}") from error
        yield Partition(name=name, url=_url_of(given, where), kept=kept)


def _fronts_of(fronts: Mapping[str, Any]) -> Iterator[Front]:
    for name, given in fronts.items():
        where = f"fronts.{name}"
        _check_table(name, given, where, _MEMBERS_OF_FRONT, required=frozenset({"url"}))
        host, _, port = str(given.get("pooler", _POOLER)).rpartition(":")
        if not host or not port.isdecimal():
            raise ClusterError(f"{where}.pooler: must be a host and a port, such as {_POOLER}")
        yield Front(name=name, url=_url_of(given, where), pooler_host=host, pooler_port=int(port))


def _check_table(
    name: str, given: Any, where: str, known: frozenset[str], *, required: frozenset[str]
) -> None:
    if not _NAME.fullmatch(name):
        raise ClusterError(f"{where}: a name has small letters, digits and _, at most 40")
    if not isinstance(given, dict):
        raise ClusterError(f"{where}: must be a table with {' and '.join(sorted(known))}")
    _check_members(given, known, where)
    for member in sorted(known):
        if member in (given.keys() | required) and not isinstance(given.get(member), str):
            raise ClusterError(f"{where}.{member}: is required, and must be a text")


def _url_of(given: Mapping[str, Any], where: str) -> str:
    try:
        return plain_database_url(given["url"])
    except ValueError as error:
        raise ClusterError(f"{where}.url: {error}") from error


def _check_members(given: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise ClusterError(
            f"{where} has an unknown member {unknown[0]}; known are {', '.join(sorted(known))}"
        )
