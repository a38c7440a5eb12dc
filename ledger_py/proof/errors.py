"""The one error of the proofs."""


class ProofError(RuntimeError):
    """The books could not be examined (which says nothing about them); the message says why."""
