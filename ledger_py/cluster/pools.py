"""Pools of connections to partitions. Only those who use a cluster need psycopg_pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    from ledger_py.cluster.files import Partition

__all__ = ("async_pool", "pool_name", "sync_pool")


def pool_name(app: str, partition: str | None) -> str:
    """Return the name of a pool, by which psycopg's lines in the log name it.

    Args:
        app: The app.
        partition: The partition; None without a cluster.
    """
    return f"ledger-{app}" if partition is None else f"ledger-{app} on partition {partition}"


def async_pool(
    partition: Partition, *, app: str, size: int, timeout: float
) -> AsyncConnectionPool[Any]:
    """Make the pool of a partition; it connects when it is used.

    Args:
        partition: The partition.
        app: The app, which the connections name.
        size: The most connections.
        timeout: Seconds to wait for a connection.
    """
    _require_pools()
    from psycopg_pool import AsyncConnectionPool

    return AsyncConnectionPool(partition.url, **_options(partition, app, size, timeout))


def sync_pool(partition: Partition, *, app: str, size: int, timeout: float) -> ConnectionPool[Any]:
    """Make the pool of a partition; it connects when it is used.

    Args:
        partition: The partition.
        app: The app, which the connections name.
        size: The most connections.
        timeout: Seconds to wait for a connection.
    """
    _require_pools()
    from psycopg_pool import ConnectionPool

    return ConnectionPool(partition.url, **_options(partition, app, size, timeout))


def _options(partition: Partition, app: str, size: int, timeout: float) -> dict[str, Any]:
    return {
        "kwargs": {"client_encoding": "UTF8", "fallback_application_name": f"ledger-{app}"},
        "min_size": 0,
        "max_size": size,
        "timeout": timeout,
        # Try again with the next request: a partition may be back in one of psycopg's pauses.
        "reconnect_timeout": 0,
        "open": False,
        "name": pool_name(app, partition.name),
    }


def _require_pools() -> None:
    try:
        import psycopg_pool  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "A cluster needs psycopg_pool: pip install 'shared-ledger[cluster]'"
        ) from error
