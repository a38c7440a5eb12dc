"""Pools of connections to partitions. Only those who use a cluster need psycopg_pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

__all__ = ("async_pool", "sync_pool")


def async_pool(url: str, *, app: str, size: int, timeout: float) -> AsyncConnectionPool[Any]:
    """Make the pool of a partition; it connects when it is used.

    Args:
        url: The address of the partition.
        app: The app, which the connections name.
        size: The most connections.
        timeout: Seconds to wait for a connection.
    """
    _require_pools()
    from psycopg_pool import AsyncConnectionPool

    return AsyncConnectionPool(url, **_options(app, size, timeout))


def sync_pool(url: str, *, app: str, size: int, timeout: float) -> ConnectionPool[Any]:
    """Make the pool of a partition; it connects when it is used.

    Args:
        url: The address of the partition.
        app: The app, which the connections name.
        size: The most connections.
        timeout: Seconds to wait for a connection.
    """
    _require_pools()
    from psycopg_pool import ConnectionPool

    return ConnectionPool(url, **_options(app, size, timeout))


def _options(app: str, size: int, timeout: float) -> dict[str, Any]:
    return {
        "kwargs": {"client_encoding": "UTF8", "fallback_application_name": f"ledger-{app}"},
        "min_size": 0,
        "max_size": size,
        "timeout": timeout,
        # Try again with the next request: a partition may be back in one of psycopg's pauses.
        "reconnect_timeout": 0,
        "open": False,
        "name": f"ledger-{app}",
    }


def _require_pools() -> None:
    try:
        import psycopg_pool  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "A cluster needs psycopg_pool: pip install 'shared-ledger[cluster]'"
        ) from error
