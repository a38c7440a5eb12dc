"""The error of this package."""


class ClusterError(RuntimeError):
    """The cluster is not as its file says, or cannot be changed; the message says what to do."""
