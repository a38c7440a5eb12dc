"""The file of a cluster, and its buckets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_py.cluster import files
from ledger_py.cluster.buckets import bucket_of, read_ranges, write_ranges
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import Partition

TWO = """
buckets = 4

[partitions.p0]
url = "postgresql://db0/ledger"
buckets = "0-1"

[partitions.p1]
url = "postgresql://db1/ledger"
buckets = "2, 3"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cluster.toml"
    path.write_text(text)
    return path


def test_every_owner_has_the_partition_of_its_bucket(tmp_path: Path) -> None:
    cluster = files.read(written(tmp_path, TWO))
    assert [partition.name for partition in cluster.partitions] == ["p0", "p1"]
    for number in range(100):
        owner = f"owner {number}"
        assert cluster.number_of(owner) == (bucket_of(owner, 4) >= 2)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, TWO)
    path.chmod(0o640)
    cluster = files.read(path)
    moved = Partition(name="p1", url="postgresql://u:s%22@db2/ledger", kept=(range(2, 4),))
    files.write(path, cluster.with_partition(moved))
    after = files.read(path)
    assert after.partitions == (cluster.partitions[0], moved)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    cluster = files.read(written(tmp_path, TWO))
    with pytest.raises(ClusterError, match="cannot be written"):
        files.write(tmp_path / "missing" / "cluster.toml", cluster)


FAULTS = {
    "is not TOML": "buckets =",
    "buckets: must be a power of two": TWO.replace("buckets = 4", "buckets = 3"),
    "power of two of at most 65536": TWO.replace("buckets = 4", "buckets = 131072"),
    "buckets: must be": TWO.replace("buckets = 4", ""),
    "there is no bucket 4": TWO.replace("2, 3", "2-4"),
    "Bucket 1 has two partitions: p0 and p1": TWO.replace("2, 3", "1-3"),
    r"Bucket 3 has no partition \(1 have none\)": TWO.replace("2, 3", "2"),
    "names bucket 2 twice": TWO.replace("2, 3", "2, 2-3"),
    "must have the lower bucket first": TWO.replace("0-1", "1-0"),
    "must be buckets such as": TWO.replace("0-1", "all"),
    r"partitions: must be tables": "buckets = 4",
    r"partitions.p0.url: is required": TWO.replace('url = "postgresql://db0/ledger"', ""),
    r"partitions.p1.url: ": TWO.replace("postgresql://db1/ledger", "http://db1"),
    r"partitions.P0: a name has small letters": TWO.replace("partitions.p0", "partitions.P0"),
    r"partitions.p0 has an unknown member bucket;": TWO.replace('buckets = "0-1"', "bucket = 0"),
    "the file has an unknown member front": TWO + "\n[front]\n",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_malformed_file_is_refused_in_words(tmp_path: Path, fault: str) -> None:
    path = written(tmp_path, FAULTS[fault])
    with pytest.raises(ClusterError, match=fault) as raised:
        files.read(path)
    assert str(path) in str(raised.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="No such file"):
        files.read(tmp_path / "cluster.toml")


@given(st.sets(st.integers(0, 300), min_size=1))
def test_buckets_are_read_as_they_are_written(buckets: set[int]) -> None:
    ranges = read_ranges(",".join(map(str, buckets)))
    assert [bucket for one in ranges for bucket in one] == sorted(buckets)
    assert read_ranges(write_ranges(ranges)) == ranges


def test_owner_that_no_server_takes_has_a_bucket_too() -> None:
    assert bucket_of("\ud800", 4) in range(4)
