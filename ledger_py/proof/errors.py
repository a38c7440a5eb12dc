"""The error of this package."""


class ProofError(RuntimeError):
    """The books could not be examined, so nothing is known about them; the message says why."""
