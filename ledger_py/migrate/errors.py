"""The one error of the migrations."""


class MigrationError(RuntimeError):
    """The database could not be brought up to date; the message says what failed, and where."""
