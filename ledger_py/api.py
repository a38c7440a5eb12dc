"""What `ledger_py` offers to Python programs."""

from ledger_py.client import Ledger, OpenHold
from ledger_py.client_async import AsyncLedger
from ledger_py.client_async import OpenHold as AsyncOpenHold
from ledger_py.cluster.client import Cluster
from ledger_py.cluster.client_async import AsyncCluster
from ledger_py.errors import LedgerError
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import (
    Allowance,
    Balance,
    BalancePart,
    BalanceStep,
    Budget,
    ClaimOutcome,
    ClaimState,
    ComingEvent,
    Entry,
    EntryRequest,
    FeedEntry,
    FeedLag,
    Hold,
    Lot,
    Match,
    Operation,
    RecordedEntry,
    Refusal,
    ReservedClaim,
    SettledClaim,
    StatementLine,
    Transfer,
    UnsettledClaim,
)

__all__ = (
    "Allowance",
    "AsyncCluster",
    "AsyncLedger",
    "AsyncOpenHold",
    "Balance",
    "BalancePart",
    "BalanceStep",
    "BaseLedgerOperation",
    "Budget",
    "ClaimOutcome",
    "ClaimState",
    "Cluster",
    "ComingEvent",
    "Entry",
    "EntryRequest",
    "FeedEntry",
    "FeedLag",
    "Hold",
    "Ledger",
    "LedgerError",
    "Lot",
    "Match",
    "OpenHold",
    "Operation",
    "RecordedEntry",
    "Refusal",
    "ReservedClaim",
    "SettledClaim",
    "StatementLine",
    "Transfer",
    "UnsettledClaim",
)
