"""HTTP on one connection: uvicorn's, with bounds for heads and for callers that do not end."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

__all__ = ("Protocol",)

_PIECE: Final = 16 * 1024
"""Bytes that are parsed before the size of a head is looked at."""

_FRAMING: Final = 8
"""The most bytes around each byte of a body: a chunk of one byte has five or six."""


class Protocol(HttpToolsProtocol):
    """HTTP on one connection.

    A head that is too large is answered with 431. A request that does not arrive in time is
    answered with 408, or the connection is closed if nothing has arrived at all.

    A connection that is closed before the request has arrived, because it is refused, goes on
    reading what the caller is sending, and throws it away. Otherwise the system would reset the
    connection, and the caller would get an error instead of the answer.

    One whose client has closed its side, as `nc -N` does, is kept until the request is answered.

    Attributes:
        max_head: The most bytes of a request line with its header fields, and of all else that is
            not body, such as trailers.
        max_discarded: The most bytes of a body that are read after the answer.
        head_within: Seconds from its first byte, or from the start of the connection, within which
            a head must arrive.
        body_within: Seconds within which a body must arrive after that.
        closes_within: Seconds for which a connection that is to be closed goes on reading.
        half_closed_for: Seconds in which a client is answered that has closed its side.
        lingers: Seconds for which an idle connection stays open when the server stops; a request
            may be on its way.
    """

    max_head = 64 * 1024
    max_discarded = 64 * 1024 * 1024
    head_within = 10.0
    body_within = 30.0
    closes_within = 30.0
    half_closed_for = 1.0
    lingers = 1.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._real_transport: asyncio.Transport
        # Runs unless all that has arrived is whole requests.
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._beside_body = 0
        self._of_body = 0
        self._closing = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        self._real_transport = transport
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        self._set_timer(self.head_within)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application."""
        self._unset_timer()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return True to keep the connection open for the answer."""
        cycle = self.cycle
        if self._closing or cycle is None or cycle.more_body or cycle.response_started:
            return False
        cycle.keep_alive = False
        # Nothing else arrives, so there is nothing to wait for when it is closed.
        self._unset_timer()
        # A client that has hung up looks the same, and must not keep its place for long.
        self.loop.call_later(self.half_closed_for, self._give_up, cycle)
        return True

    def _give_up(self, cycle: RequestResponseCycle) -> None:
        if not cycle.response_complete:
            self._real_transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        if self._timer is None and len(data) <= _PIECE:
            super().data_received(data)
            # Nearly always this was a whole request.
            if "method" not in self.scope or self.cycle.more_body:
                self._note(len(data), is_new=True, of_body=0)
            return
        if self._timer is None:
            self._in_head, self._beside_body = True, 0
        at = 0
        while at < len(data):
            if self._closing:
                self._discard(len(data) - at)
                return
            # No more of a head than is one byte too many.
            size = min(_PIECE, self.max_head + 1 - self._beside_body) if self._in_head else _PIECE
            piece = data[at : at + size]
            at += size
            scope, cycle = self.scope, self.cycle
            before = 0 if cycle is None else len(cycle.body)
            super().data_received(piece)
            of_body = len(self.cycle.body) - before if cycle and self.cycle is cycle else 0
            self._note(len(piece), is_new=self.scope is not scope, of_body=of_body)

    def _note(self, size: int, *, is_new: bool, of_body: int) -> None:
        """Take account of a part of a request.

        Args:
            size: The bytes that have arrived.
            is_new: A request has begun with them.
            of_body: How many of them are of the body. Those of a new request need not be known.
        """
        if self._closing:
            return
        in_head = self.scope is None or "method" not in self.scope
        if not in_head and not self.cycle.more_body:
            self._unset_timer()
            return
        if is_new:
            self._beside_body = self._of_body = 0
        if is_new or in_head != self._in_head:
            self._set_timer(self.head_within if in_head else self.body_within)
        self._in_head = in_head
        self._of_body += of_body
        self._beside_body += size - of_body
        if not in_head and self.cycle.response_complete:
            if self._beside_body > self.max_discarded:
                self._real_transport.close()
        elif self._beside_body > self.max_head + _FRAMING * self._of_body:
            self._refuse(431, "The request line and the header fields are too large.")

    def on_message_complete(self) -> None:
        """Note that the request is complete, also if it has been answered before."""
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def shutdown(self) -> None:
        """Stop when the server stops; an idle connection stays open for a moment."""
        # uvicorn closes idle connections at once. That resets requests that it has not read yet.
        if self._closing:
            self._real_transport.close()
        elif self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(self.lingers, super().shutdown)
        else:
            super().shutdown()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or is to be closed."""
        return self._closing or self._real_transport.is_closing()

    def close(self) -> None:
        """Close the connection, once the caller has sent what it is sending."""
        if self.is_closing() or self._timer is None or not self._beside_body:
            self._real_transport.close()
            return
        self._closing = True
        self._beside_body = 0
        self._set_timer(self.closes_within)
        self.flow.resume_reading()
        self._real_transport.write_eof()

    def _discard(self, size: int) -> None:
        self._beside_body += size
        if self._beside_body > self.max_discarded:
            self._real_transport.abort()

    def _late(self) -> None:
        if self._closing or not self._beside_body:
            self._real_transport.abort()
        else:
            self._refuse(408, "The request did not arrive in time.")

    def _refuse(self, status: int, reason: str) -> None:
        """Answer a request that has not arrived, unless another answer is on its way; close."""
        self.logger.warning("%s", reason)
        cycle = self.cycle
        is_busy = cycle is not None and not cycle.response_complete
        may_answer = not is_busy if self._in_head else not cycle.response_started
        if may_answer:
            text = reason.encode()
            fields = (
                b"content-type: text/plain; charset=utf-8",
                b"content-length: %d" % len(text),
                b"connection: close",
            )
            self._real_transport.write(
                STATUS_LINE[status] + b"\r\n".join(fields) + b"\r\n\r\n" + text
            )
        if is_busy:
            cycle.disconnected = True
            cycle.message_event.set()
        self.close()

    def _set_timer(self, seconds: float) -> None:
        self._unset_timer()
        self._timer = self.loop.call_later(seconds, self._late)

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Transport:
    """The transport of a connection, as uvicorn sees it.

    Args:
        transport: The transport.
        protocol: Closes it.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        self._transport = transport
        self.write = transport.write
        self.close = protocol.close
        self.is_closing = protocol.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
