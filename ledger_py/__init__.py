"""A ledger of user credits shared by several applications: the Python client."""

from ledger_py.client import Ledger, OpenHold
from ledger_py.client_async import AsyncLedger
from ledger_py.client_async import OpenHold as AsyncOpenHold
from ledger_py.errors import LedgerError
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import (
    Balance,
    Entry,
    EntryRequest,
    FeedEntry,
    Hold,
    Operation,
    RecordedEntry,
    Refusal,
    StatementLine,
)

__all__ = (
    "AsyncLedger",
    "AsyncOpenHold",
    "Balance",
    "BaseLedgerOperation",
    "Entry",
    "EntryRequest",
    "FeedEntry",
    "Hold",
    "Ledger",
    "LedgerError",
    "OpenHold",
    "Operation",
    "RecordedEntry",
    "Refusal",
    "StatementLine",
)
