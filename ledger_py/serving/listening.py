"""The sockets that a service listens on."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

__all__ = ("ListenError", "Listener", "refuse_connections")

_SO_ATTACH_FILTER: Final = 26
"""Linux; Python's socket module does not name it."""

_DROP_SYN: Final = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of the TCP header that holds the flags
        (0x45, 0, 1, 0x02),  # unless SYN is set, skip one instruction
        (0x06, 0, 0, 0),  # drop the packet
        (0x06, 0, 0, 0xFFFF_FFFF),  # accept the packet
    )
)
"""A program of the Berkeley packet filter: requests for new connections are dropped."""


class ListenError(RuntimeError):
    """The service cannot listen on its address; the message says why and what to do."""


class Listener:
    """The bound sockets of an address, which do not listen yet. They are closed on leaving.

    Args:
        host: The address or name to listen on; all addresses of the machine if empty.
        port: The port; 0 for any free one.

    Attributes:
        sockets: A socket for each address that the host has.
        url: The address for people.

    Raises:
        ListenError: There is no such address, or it is in use.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self.sockets: list[socket.socket] = []
        try:
            self._bind(port)
        except BaseException:
            self.close()
            raise
        shown = f"[{host}]" if ":" in host else host or "0.0.0.0"
        self.url = f"http://{shown}:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _port(self) -> int:
        port: int = self.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Close the sockets."""
        for one in self.sockets:
            one.close()

    def error(self, cause: OSError) -> ListenError:
        """Describe why an address cannot be listened on."""
        return ListenError(_explained(self._host or "0.0.0.0", self._wanted_port, cause))

    def _bind(self, port: int) -> None:
        self._wanted_port = port
        try:
            found = socket.getaddrinfo(
                self._host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except (OSError, UnicodeError) as error:
            raise ListenError(
                f"{self._host!r} is no address to listen on ({error}). {_CHOOSE_HOST}"
            ) from error
        absent: OSError | None = None
        for family, _, _, _, address in dict.fromkeys(found):
            # One port for all, also if it is any free one.
            place = (address[0], self._port if self.sockets else port, *address[2:])
            try:
                self.sockets.append(_bound(family, place))
            except OSError as error:
                # A name may stand for addresses that the machine lacks, such as ::1.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise self.error(error) from error
                absent = error
        if self.sockets:
            self._wanted_port = self._port
        else:
            raise self.error(absent or OSError(errno.EADDRNOTAVAIL, "no address")) from absent


_CHOOSE_HOST: Final = "Choose another address with --host or LEDGER_HOST."
_CHOOSE_PORT: Final = (
    "choose another port with --port or LEDGER_PORT (in a checkout: make run PORT=8001)"
)


def _bound(family: int, place: tuple[object, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restart need not wait until the connections of the last run have timed out.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(place)
    except OSError:
        one.close()
        raise
    return one


def _explained(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is in use by another process. Stop that process, or "
                f"{_CHOOSE_PORT}."
            )
        case errno.EACCES:
            return (
                f"This account may not listen on port {port} of {host}: low ports need root or "
                f"the capability CAP_NET_BIND_SERVICE. Grant it, or {_CHOOSE_PORT}."
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"{host} is not an address of this machine. {_CHOOSE_HOST}"
    return f"Port {port} of {host} cannot be listened on: {error.strerror or error}"


def refuse_connections(sockets: Sequence[socket.socket]) -> None:
    """Let no new connection be made, in all processes that share the sockets.

    The kernel completes connections whether or not a process accepts them, and resets those that
    nobody has accepted when the sockets are closed. So requests for connections are dropped first.
    Callers repeat them after a second, and are refused or find the next service. Where the system
    has no such filter (it is Linux's), connections of the last moment may still be reset.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_SYN)
    option = struct.pack("HP", len(_DROP_SYN) // 8, ctypes.addressof(program))
    for one in sockets:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)
