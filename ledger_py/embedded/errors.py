"""The error of the embedded server."""

from __future__ import annotations


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot be used; the message gives the reason and advice.

    Args:
        message: The message.
        brief: The reason in a few words, without anything of the machine, for those who may not
            read the log.
    """

    def __init__(self, message: str, *, brief: str = "its log says why") -> None:
        super().__init__(message)
        self.brief = brief
