"""The faults: each is done, lasts for a moment, and is over when its function returns."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

import psutil
import psycopg

from tests.faults.processes import PostgreSQL, Service

__all__ = ("FAULTS", "Fault", "Victims")


class Victims:
    """Whom the faults may befall.

    Args:
        server: The database server.
        services: The services.
        user: The role that services and callers log in with.
        random_: Decides how long a fault lasts and whom it befalls.
    """

    def __init__(
        self, server: PostgreSQL, services: list[Service], user: str, random_: random.Random
    ) -> None:
        self.server = server
        self.services = services
        self.user = user
        self.random = random_

    def moment(self, longest: float) -> None:
        """Let time pass: a fault that lasts for no time is none."""
        time.sleep(self.random.uniform(0.1, longest))


def kill_server(victims: Victims) -> None:
    """Kill -9 the postmaster, start it again a little later."""
    victims.server.kill()
    victims.moment(1.0)
    victims.server.start()


def kill_backend(victims: Victims) -> None:
    """Kill -9 a backend: the server ends all others, and recovers as after a crash."""
    for backend in victims.server.backends(victims.random, user=victims.user)[:1]:
        _signal(backend, signal.SIGKILL)
    victims.server.wait()


def kill_service(victims: Victims) -> None:
    """Kill -9 a service and start it again."""
    service = victims.random.choice(victims.services)
    service.kill()
    service.wait()


def drop_connections(victims: Victims) -> None:
    """End some connections from the server's side, several times over."""
    with psycopg.connect(victims.server.url, autocommit=True) as conn:
        for _ in range(5):
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s AND random() < 0.5",
                [victims.user],
            )
            victims.moment(0.3)


def lock_accounts(victims: Victims) -> None:
    """Hold the locks of all accounts for longer than anybody waits for them: pools fill up."""
    with psycopg.connect(victims.server.url) as conn:
        conn.execute("SELECT 1 FROM ledger.accounts ORDER BY owner_id, asset FOR UPDATE")
        victims.moment(4.0)


def use_up_connections(victims: Victims) -> None:
    """Take all connections that the server has left; who loses one now gets no other."""
    with ExitStack() as stack:
        try:
            while True:
                stack.enter_context(psycopg.connect(victims.server.url))
        except psycopg.OperationalError:
            victims.moment(2.0)


def pause_service(victims: Victims) -> None:
    """Stop a service in its tracks, and let it go on."""
    service = victims.random.choice(victims.services)
    service.pause()
    victims.moment(3.0)
    service.resume()


def pause_backends(victims: Victims) -> None:
    """Stop some backends in their tracks, with what they have locked, and let them go on."""
    backends = victims.server.backends(victims.random, user=victims.user)
    for backend in backends:
        _signal(backend, signal.SIGSTOP)
    try:
        victims.moment(3.0)
    finally:
        for backend in backends:
            _signal(backend, signal.SIGCONT)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    # Its client may have been quicker.
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


Fault = Callable[[Victims], None]
FAULTS: Final[tuple[Fault, ...]] = (
    kill_server,
    kill_backend,
    kill_service,
    drop_connections,
    lock_accounts,
    use_up_connections,
    pause_service,
    pause_backends,
)
