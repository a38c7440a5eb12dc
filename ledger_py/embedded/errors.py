"""The error of the embedded server."""


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot be used; the message gives the reason and advice."""
