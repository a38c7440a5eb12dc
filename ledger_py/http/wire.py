"""Reading requests and sending answers without the machinery in between: the hot path's ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger_py.http.problems import Problem

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

__all__ = ("ClientGone", "RequestHeaders", "read_body", "send_answer")

JSON_MEDIA_TYPE = "application/json"


class ClientGone(Exception):
    """The caller hung up before the request was complete; nobody waits for an answer."""


class RequestHeaders:
    """The header fields that a request with a body is judged by, found in one pass.

    Args:
        scope: The ASGI scope of the request.

    Attributes:
        content_type: The media type without its parameters, in lower case; empty if not given.
        content_encoding: How the body is compressed; empty if it is not.
        content_length: The announced length of the body in bytes, or None.
        idempotency_key: The value of Idempotency-Key, or None.

    Raises:
        Problem: Idempotency-Key is given twice.
    """

    __slots__ = ("content_encoding", "content_length", "content_type", "idempotency_key")

    def __init__(self, scope: Scope) -> None:
        """Look through the header fields."""
        self.content_type = b""
        self.content_encoding = b""
        self.content_length: int | None = None
        self.idempotency_key: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"content-type":
                self.content_type = value.partition(b";")[0].strip().lower()
            elif name == b"content-length":
                self.content_length = int(value) if value.isdigit() else None
            elif name == b"content-encoding":
                self.content_encoding = value.strip().lower()
            elif name == b"idempotency-key":
                if self.idempotency_key is not None:
                    raise Problem.of_field("Idempotency-Key", "is given twice")
                self.idempotency_key = value

    def require_json(self) -> None:
        """Check that the body is said to be plain JSON.

        Raises:
            Problem: It is said to be something else, or nothing is said.
        """
        if self.content_type != b"application/json":
            raise Problem(
                "unsupported_media_type",
                "Content-Type: must be application/json",
                values={"field": "Content-Type"},
            )
        if self.content_encoding not in (b"", b"identity"):
            raise Problem(
                "unsupported_media_type",
                "Content-Encoding: must be identity",
                values={"field": "Content-Encoding"},
            )


async def read_body(receive: Receive, *, announced: int | None, limit: int) -> bytes:
    """Read the body of a request.

    Args:
        receive: The ASGI channel of the request.
        announced: What Content-Length says, in bytes; None if it says nothing.
        limit: The most bytes to read.

    Returns:
        The whole body.

    Raises:
        Problem: The body is larger than the limit.
        ClientGone: The caller hung up.
    """
    if announced is not None and announced > limit:
        raise _too_large(limit)
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body += message["body"]
        if len(body) > limit:
            raise _too_large(limit)
        if not message["more_body"]:
            return body


def _too_large(limit: int) -> Problem:
    return Problem(
        "body_too_large", f"The body must be at most {limit} bytes.", values={"limit": limit}
    )


async def send_answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    media_type: str = JSON_MEDIA_TYPE,
    headers: tuple[tuple[str, str], ...] = (),
) -> None:
    """Send an answer in one piece.

    Args:
        send: The ASGI channel of the request.
        status: The HTTP status.
        body: The bytes of the body.
        media_type: What the body is.
        headers: More header fields.
    """
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media_type.encode()),
                (b"content-length", b"%d" % len(body)),
                *((name.encode(), value.encode()) for name, value in headers),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
