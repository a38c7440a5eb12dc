"""The faults. Each function causes one, lets it last for a moment, and ends it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

import psutil
import psycopg

from tests.faults.world import USER, World

__all__ = (
    "FAULTS",
    "NETWORK_FAULTS",
    "PARTITION_FAULTS",
    "POOLER_FAULTS",
    "SERVICE_FAULTS",
    "Fault",
    "Targets",
    "possible",
)


class Targets:
    """The processes and their surroundings that faults are caused in.

    Args:
        found: The server and all that stands around it.
        random_: Chooses the target of a fault and how long it lasts.
    """

    def __init__(self, found: World, random_: random.Random) -> None:
        self.server = found.server
        self.services = found.services
        self.pooler = found.pooler
        self.disk = found.disk
        self.clock = found.clock
        self.network = found.network
        self.random = random_

    def moment(self, longest: float) -> None:
        """Let a fault last, for 0.1 seconds to `longest`."""
        time.sleep(self.random.uniform(0.1, longest))


def kill_server(targets: Targets) -> None:
    """Kill -9 the postmaster, and start it again a little later."""
    targets.server.kill()
    targets.moment(1.0)
    targets.server.start()


def kill_backend(targets: Targets) -> None:
    """Kill -9 a backend. The server ends all others and goes through crash recovery."""
    for backend in targets.server.backends(targets.random, user=USER)[:1]:
        _signal(backend, signal.SIGKILL)
    targets.server.wait()


def kill_service(targets: Targets) -> None:
    """Kill -9 a service and start it again."""
    service = targets.random.choice(targets.services)
    service.kill()
    service.wait()


def drop_connections(targets: Targets) -> None:
    """Terminate some connections on the server, several times."""
    with psycopg.connect(targets.server.url, autocommit=True) as conn:
        for _ in range(5):
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s AND random() < 0.5",
                [USER],
            )
            targets.moment(0.3)


def lock_accounts(targets: Targets) -> None:
    """Lock all accounts for longer than the lock timeout, so that pools fill up."""
    with psycopg.connect(targets.server.url) as conn:
        conn.execute("SELECT 1 FROM ledger.accounts ORDER BY owner_id, asset FOR UPDATE")
        targets.moment(4.0)


def use_up_connections(targets: Targets) -> None:
    """Take all connections that the server has left, so that nobody can reconnect."""
    with ExitStack() as stack:
        try:
            while True:
                stack.enter_context(psycopg.connect(targets.server.url))
        except psycopg.OperationalError:
            targets.moment(2.0)


def pause_service(targets: Targets) -> None:
    """Suspend a service and resume it."""
    service = targets.random.choice(targets.services)
    service.pause()
    targets.moment(3.0)
    service.resume()


def pause_backends(targets: Targets) -> None:
    """Suspend some backends, with the locks they hold, and resume them."""
    backends = targets.server.backends(targets.random, user=USER)
    for backend in backends:
        _signal(backend, signal.SIGSTOP)
    try:
        targets.moment(3.0)
    finally:
        for backend in backends:
            _signal(backend, signal.SIGCONT)


def pause_server(targets: Targets) -> None:
    """Suspend all processes of the server, and resume them."""
    postmaster = targets.server.process()
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        _signal(process, signal.SIGSTOP)
    try:
        targets.moment(8.0)
    finally:
        for process in processes:
            _signal(process, signal.SIGCONT)


def stop_pooler(targets: Targets) -> None:
    """End PgBouncer by SIGTERM, and start it again a little later."""
    _restart_pooler(targets, signal.SIGTERM)


def kill_pooler(targets: Targets) -> None:
    """Kill -9 PgBouncer, and start it again a little later."""
    _restart_pooler(targets, signal.SIGKILL)


def _restart_pooler(targets: Targets, number: signal.Signals) -> None:
    assert targets.pooler is not None
    targets.pooler.stop(number)
    targets.moment(1.0)
    targets.pooler.start()


def swallow_packets(targets: Targets) -> None:
    """Let the network carry nothing, without closing connections, for longer than any limit."""
    assert targets.network is not None
    targets.network.be_silent()
    targets.moment(12.0)
    targets.network.forward()


def answer_late(targets: Targets) -> None:
    """Let everything between the server and the others arrive late."""
    assert targets.network is not None
    targets.network.delay = targets.random.uniform(0.05, 1.5)
    targets.moment(6.0)
    targets.network.delay = 0.0


def fill_disk(targets: Targets) -> None:
    """Leave no room on the server's disk. The server ends if it cannot write its log."""
    assert targets.disk is not None
    targets.disk.fill()
    targets.moment(3.0)
    targets.disk.empty()
    targets.server.start()
    targets.server.wait()


def step_clock(targets: Targets) -> None:
    """Set the server's clock back by up to a day, and right again."""
    assert targets.clock is not None
    targets.clock.step(-targets.random.randrange(1, 86_400))
    targets.moment(4.0)
    targets.clock.step(0)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    # The process may have ended meanwhile.
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


Fault = Callable[[Targets], None]
SERVICE_FAULTS: Final[tuple[Fault, ...]] = (kill_service, pause_service)
_SERVER_FAULTS: Final[tuple[Fault, ...]] = (
    kill_server,
    kill_backend,
    drop_connections,
    lock_accounts,
    use_up_connections,
    pause_backends,
)
FAULTS: Final[tuple[Fault, ...]] = (*_SERVER_FAULTS, *SERVICE_FAULTS)
POOLER_FAULTS: Final[tuple[Fault, ...]] = (stop_pooler, kill_pooler)
NETWORK_FAULTS: Final[tuple[Fault, ...]] = (swallow_packets, answer_late)
PARTITION_FAULTS: Final[tuple[Fault, ...]] = (*_SERVER_FAULTS, pause_server, *NETWORK_FAULTS)
"""Those that owners of other partitions are not to notice."""


def possible(found: World) -> tuple[Fault, ...]:
    """List the faults that can be caused in a world."""
    faults = FAULTS
    if found.pooler is not None:
        faults += POOLER_FAULTS
    if found.network is not None:
        faults += NETWORK_FAULTS
    if found.disk is not None:
        faults += (fill_disk,)
    if found.clock is not None:
        faults += (step_clock,)
    return faults
