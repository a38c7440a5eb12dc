"""A ledger of user credits shared by several applications: the Python client."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ledger_py.api import *  # noqa: F403


# Everything is imported when it is asked for, `typing` too: until then, the command `ledger` could
# not say in one line that it was interrupted.
def __getattr__(name: str) -> object:
    import importlib

    api = importlib.import_module("ledger_py.api")
    if name != "__all__" and name not in api.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(api, name)
