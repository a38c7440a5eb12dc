"""The SQL functions of the ledger as methods, on a psycopg connection of the caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.adapt import AdaptersMap
from psycopg.pq import TransactionStatus

from ledger_py.calls import SqlFunction, check_connection
from ledger_py.errors import HoldClosed, HoldNotFound, LedgerError, translate
from ledger_py.fields import AllowancePeriod, Beyond, BudgetPeriod
from ledger_py.operations import BaseLedgerOperation
from ledger_py.sessions import DRY_RUN
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
    FeedEntry,
    FeedLag,
    Hold,
    HoldStatus,
    Lot,
    Match,
    Operation,
    RecordedEntry,
    Refusal,
    ReservedClaim,
    SettledClaim,
    SpenderTotal,
    StatementLine,
    Transfer,
    UnsettledClaim,
)
from ledger_py.values import ADAPTERS, Claims, EndTime, Entries, Int32

# Methods that call an SQL function have no body.
# mypy: disable-error-code="empty-body"

MethodT = TypeVar("MethodT", bound=Callable[..., Any])
RowT = TypeVar("RowT")


def _sql_function(
    *, of_app: bool = False, echoed: Sequence[str] = ()
) -> Callable[[MethodT], MethodT]:
    """Implement a method by calling the SQL function of its name; see ``SqlFunction``."""

    def decorate(method: MethodT) -> MethodT:
        function = SqlFunction(method, of_app=of_app, echoed=echoed)

        @wraps(method)
        async def call(self: AsyncLedger, *positional: object, **named: object) -> Any:
            rows = await self._rows(function, function.bind(self, positional, named))
            return function.result_of(rows)

        vars(call)["sql_function"] = function
        return cast(MethodT, call)

    return decorate


class AsyncLedger:
    """The ledger for one app, on a connection that the caller owns.

    Every method calls the SQL function of the same name, in the connection's current transaction:
    it commits or rolls back with the caller's own statements. No method commits, rolls back, or
    changes a setting of the connection. The connection's own settings (row factory, cursor factory,
    adapters, autocommit, time zone) have no effect. In pipeline mode, each method waits for its
    result.

    A refusal raises the subclass of LedgerError for its SQLSTATE::

        async with conn.transaction():
            await conn.execute("INSERT INTO orders …")
            await AsyncLedger(conn, app="app1").record_entry(
                owner_id="alice", operation=App1Operation.CREDIT_SPEND, amount=-3, nonce="order-7"
            )

    After a refusal, as after any error, PostgreSQL accepts only a rollback in the transaction. To
    continue in the same transaction, wrap the call in a savepoint::

        try:
            async with conn.transaction():
                await ledger.record_entry(...)
        except InsufficientBalance as refusal:
            ...  # the work before the savepoint is kept

    Args:
        conn: The connection; the caller opens, commits and closes it. Its client encoding is UTF8.
        app: The app whose operations and nonces are used.

    Attributes:
        conn: The connection.
        app: The app.

    Raises:
        TypeError: The connection is not one of psycopg 3, or is of the other kind.
        ValueError: The client encoding of the connection is not UTF8.
    """

    def __init__(self, conn: AsyncConnection[Any], *, app: str) -> None:
        check_connection(conn, AsyncConnection)
        self.conn = conn
        self.app = app

    @_sql_function(of_app=True)
    async def record_entry(
        self,
        *,
        owner_id: str,
        operation: BaseLedgerOperation | str,
        nonce: str,
        amount: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        claim_subject: str | None = None,
        claim_deadline: datetime | None = None,
        spender: str | None = None,
        quantity: int | None = None,
    ) -> RecordedEntry:
        """Record one change of an owner's account.

        Args:
            owner_id: The owner of the credits: 1 to 255 characters.
            operation: One of the app's operations; it defines the asset and the rule.
            nonce: The caller's own id for this request, unique per app. A repeated request returns
                the first result, with ``replayed`` true, and changes nothing.
            amount: Whole units of the asset: positive credits, negative debits. None is the
                operation's default.
            metadata: A JSON object, kept with the entry.
            expires_at: When the credits expire, with a time zone. None is the operation's rule.
            claim_subject: Another subject that the operation's claim limit counts, such as a
                hashed e-mail address.
            claim_deadline: Until when reserve_claims has reserved the claim_subject, if another
                partition of a cluster keeps it; no part of the request. ``Cluster`` sees to it.
            spender: Who of the owner's members, keys or sessions it is for: 1 to 255 characters.
            quantity: How much was used, in place of ``amount``: the operation's price makes the
                amount of it.

        Returns:
            The entry, with the balance after it.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds.
            UnknownApp: The app is not registered.
            UnknownOperation: No such operation exists.
            OperationNotAllowed: The operation is not in the app's set.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: Less is available than the request would take.
            ClaimLimitReached: The operation's claim limit is used up.
            BudgetExceeded: A budget does not allow it.
            ClaimNotReserved: Another partition keeps the claim_subject, and it is not reserved.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def record_entries(
        self,
        entries: Entries,
        *,
        atomic: bool = False,
    ) -> list[RecordedEntry | Refusal]:
        """Record a batch of entries, as if record_entry were called for one after the other.

        A refused item affects neither the others nor the transaction::

            for result in await ledger.record_entries(requests):
                if isinstance(result, Refusal):
                    print(result.position, result.error)

        Args:
            entries: At most 10 000 items: requests, mappings of their fields, or a JSON array as
                bytes. One with a ``to_owner_id`` is a transfer from ``owner_id``, of a positive
                ``amount``; its result is the sender's entry.
            atomic: Record all or none. The first refusal is raised, with its ``position`` (counted
                from 1) in the detail.

        Returns:
            The result of each item, in the order of the items.

        Raises:
            InvalidRequest: There are too many items, or one cannot be sent; nothing was recorded.
                The detail has the ``position`` of an item that cannot be sent.
            UnknownApp: The app is not registered.
            NotAuthorized: The connection's role may not act for the app.
            LedgerError: Any refusal of record_entry or transfer_credits, if atomic.
        """

    @_sql_function(of_app=True)
    async def transfer_credits(
        self,
        *,
        from_owner_id: str,
        to_owner_id: str,
        operation: BaseLedgerOperation | str,
        nonce: str,
        amount: int,
        metadata: Mapping[str, Any] | None = None,
        spender: str | None = None,
    ) -> Transfer:
        """Move credits from one owner to another: both sides are recorded, or none.

        The credits keep their expiry, class and use. ``reverse_entry`` takes a transfer back by its
        nonce, on both sides together.

        Args:
            from_owner_id: The owner whose credits they are: 1 to 255 characters.
            to_owner_id: Another owner, who gets them; with partitions, one of the same partition.
            operation: One of the app's operations that is defined as ``transferable``. Its budgets
                and its claim limit are the sender's.
            nonce: The caller's own id for this request, unique per app. A repeated request returns
                the first result, with ``replayed`` true, and changes nothing.
            amount: How much goes over: a positive number of whole units.
            metadata: A JSON object, kept with the entries of both sides.
            spender: Who of the sender's members, keys or sessions it is for: 1 to 255 characters.

        Returns:
            The entries of both sides.

        Raises:
            InvalidRequest: A value is invalid, or the credits have too many expiries and uses; the
                detail names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds, or the receiver would
                have too much.
            UnknownApp: The app is not registered.
            UnknownOperation: No such operation exists.
            OperationNotAllowed: The operation is not in the app's set.
            NotTransferable: The operation is not defined as ``transferable``.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: Less is available to the sender for this.
            ClaimLimitReached: The operation's claim limit is used up.
            BudgetExceeded: A budget of the sender does not allow it.
            AccountFrozen: An operator has frozen one of the accounts.
            AccountClosed: The account was moved to another owner.
            OtherPartition: Another partition keeps the receiver.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def reverse_entry(
        self,
        *,
        nonce: str,
        original_nonce: str,
        amount: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        free_claim: bool = False,
        owner_id: str | None = None,
    ) -> RecordedEntry:
        """Reverse an entry of the app, wholly or in part, with an entry of operation REVERSAL.

        Credits that a debit spent return to their lots; those that have expired meanwhile expire at
        once. A credit can be reversed only while it is available and has not expired. A transfer is
        taken back on both sides, as far as the receiver still has the credits.

        Args:
            nonce: The caller's own id for this request, unique per app. A repeated request returns
                the first result, with ``replayed`` true, and changes nothing.
            original_nonce: The nonce of the entry to reverse, which is not a reversal itself; of a
                transfer, the nonce that it was requested with.
            amount: The amount to reverse: positive whole units. None is all that is left.
                All reversals of an entry together never exceed it.
            metadata: A JSON object, kept with the reversal.
            free_claim: Allow a claim that is fully reversed to be claimed again.
            owner_id: Whose entry it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The reversal, with the balance after it.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is not positive.
            UnknownApp: The app is not registered.
            EntryNotFound: The app has recorded no entry with the original nonce, or not for that
                owner.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: Less is available than the credit to reverse.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            ReversalExceedsOriginal: Less of the entry, or nothing, is left to reverse.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(echoed=("owner_id", "asset"))
    async def balance(
        self,
        *,
        owner_id: str,
        asset: str = "CREDIT",
        for_app: str | None = None,
        for_operation: BaseLedgerOperation | str | None = None,
    ) -> Balance:
        """Return an owner's current balance in one asset.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.
            for_app: Let ``available`` be what a spend of this app could use.
            for_operation: Let ``available`` be what a spend by this operation could use.

        Returns:
            The balance; zeros for an owner never seen.

        Raises:
            InvalidRequest: A value is invalid.
            UnknownApp: ``for_app`` is not registered.
            UnknownOperation: ``for_operation`` is not defined.
        """

    @_sql_function()
    async def balance_parts(self, *, owner_id: str, asset: str = "CREDIT") -> list[BalancePart]:
        """Return what an owner's balance consists of, in the order in which it is spent.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.

        Returns:
            A part for each class, use, expiry and priority. They add up to the balance.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def balance_at(self, *, owner_id: str, at: datetime, asset: str = "CREDIT") -> int:
        """Return an owner's balance in one asset at a time.

        Args:
            owner_id: The owner of the credits.
            at: The time, with a time zone, not in the future. Entries of this microsecond are
                included.
            asset: The unit counted.

        Returns:
            The balance in whole units of the asset; 0 before the first entry.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def statement(
        self,
        *,
        owner_id: str,
        since: datetime,
        until: datetime | None = None,
        asset: str = "CREDIT",
    ) -> list[StatementLine]:
        """Return the statement of an account for a period.

        Args:
            owner_id: The owner of the credits.
            since: Start of the period, with a time zone, not in the future.
            until: End of the period, exclusive. None, or a time in the future, means now.
            asset: The unit counted.

        Returns:
            The opening balance, a total per app and operation, and the closing balance, which is
            the sum of these.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def statement_by_spender(
        self,
        *,
        owner_id: str,
        since: datetime,
        until: datetime | None = None,
        asset: str = "CREDIT",
        after_spender: str | None = None,
        max_rows: Int32 = 1000,
    ) -> list[SpenderTotal]:
        """Return what each spender of an account spent in a period, in the order of their names.

        Entries without a spender are in ``statement`` only.

        Args:
            owner_id: The owner of the credits.
            since: Start of the period, with a time zone, not in the future.
            until: End of the period, exclusive. None, or a time in the future, means now.
            asset: The unit counted.
            after_spender: Only spenders after this one: the last of the previous page. None starts
                with the first.
            max_rows: The most spenders to return: 1 to 1000.

        Returns:
            The totals; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def entries_of(
        self,
        *,
        owner_id: str,
        asset: str = "CREDIT",
        before_seq: int | None = None,
        max_rows: Int32 = 50,
    ) -> list[Entry]:
        """List an account's entries, newest first.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.
            before_seq: Only entries with a lower number: the ``seq`` of the last entry of the
                previous page. None starts with the newest.
            max_rows: The most entries to return: 1 to 1000.

        Returns:
            The entries; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def lots_of(
        self,
        *,
        owner_id: str,
        asset: str = "CREDIT",
        after_seq: int | None = None,
        max_rows: Int32 = 50,
    ) -> list[Lot]:
        """List an account's lots, in the order in which they are spent.

        A lot is what is left of the credits of one entry that expire, or have a class, a priority
        or a limited use. Other credits are in no lot, and are spent after those of priority 100.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.
            after_seq: Only lots after this one: the ``seq`` of the last lot of the previous page.
                None starts with the first.
            max_rows: The most lots to return: 1 to 1000.

        Returns:
            The lots with something left; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def claims_of(self, *, owner_id: str, asset: str = "CREDIT") -> list[ClaimState]:
        """List the claim limits in an asset, and how far an owner has used them up.

        A ``claim_subject`` of a request is limited as well, which is not known here.

        Args:
            owner_id: The owner.
            asset: The unit counted.

        Returns:
            A state for each operation with a limit; for each app, if the limit is one of apps.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def budgets_of(self, *, owner_id: str, asset: str = "CREDIT") -> list[Budget]:
        """List the budgets that an owner is under, and how far they are used up.

        Args:
            owner_id: The owner.
            asset: The unit counted.

        Returns:
            The owner's own budgets, and those of everybody that these do not replace, by name. A
            budget of each spender (``*``) has a row more for each who has used some of it.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function(of_app=True)
    async def grant_allowance(
        self,
        *,
        owner_id: str,
        operation: BaseLedgerOperation | str,
        nonce: str,
        amount: int | None = None,
        period: AllowancePeriod | None = "month",
        starts_at: datetime | None = None,
        time_zone: str = "UTC",
        carry_over_most: int = 0,
        carry_over_for: Int32 = 1,
        occurrences: Int32 | None = None,
        ends_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Allowance:
        """Grant credits that come to an owner at the beginning of every period.

        Nothing has to run for it: whatever reads or writes the account first finds them there. They
        expire when the next period begins, but for what is carried over. Other credits of the
        owner are not touched.

        Args:
            owner_id: The owner of the credits: 1 to 255 characters.
            operation: One of the app's operations: a credit without claim limit.
            nonce: The caller's own id for the allowance, unique per app: at most 200 characters. A
                repeated request returns the allowance as it is now, with ``replayed`` true.
            amount: How many credits come each time: positive whole units. None is the operation's
                default of now.
            period: How often they come, counted from ``starts_at`` on the clock of ``time_zone``:
                31 January, 28 February, 31 March. None: once, at ``starts_at``; they expire as
                the operation says.
            starts_at: When the first period begins, with a time zone. None is now. If the time has
                passed, the period that it is now comes at once, and those before it do not.
            time_zone: The IANA name of the zone.
            carry_over_most: How many of what is left at the end of a period go on, with an entry
                CARRY_OVER.
            carry_over_for: For how many periods more: 1 to 60.
            occurrences: How often the credits come; None is without end.
            ends_at: From when on nothing comes any more, with a time zone; None is never.
            metadata: A JSON object, kept in each of the entries.

        Returns:
            The allowance.

        Raises:
            InvalidRequest: A value is invalid, or the account has too many allowances; the detail
                names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds.
            UnknownApp: The app is not registered.
            UnknownOperation: No such operation exists.
            OperationNotAllowed: The operation is not in the app's set.
            NonceConflict: The nonce was used by a different request.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def change_allowance(
        self,
        *,
        allowance_nonce: str,
        nonce: str,
        amount: int,
        from_next_period: bool = True,
        owner_id: str | None = None,
    ) -> Allowance:
        """Change how many credits come from an allowance.

        Args:
            allowance_nonce: The nonce of the allowance.
            nonce: The caller's own id for this request, unique per app. A repeated request returns
                the allowance as it is now, with ``replayed`` true, and changes nothing.
            amount: How many credits come each time from now on: positive whole units.
            from_next_period: With False, what is more than before comes at once, for the rest of
                the period that it is now. Less is possible from the next period on only.
            owner_id: Whose allowance it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The allowance.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds.
            UnknownApp: The app is not registered.
            OperationNotAllowed: The operation is not in the app's set any more.
            AllowanceNotFound: The app has granted no such allowance, or not to that owner.
            NonceConflict: The nonce was used by a different request.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            AllowanceEnded: Nothing will come from the allowance any more.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def end_allowance(
        self,
        *,
        allowance_nonce: str,
        at: EndTime | None = None,
        forfeit: bool = False,
        owner_id: str | None = None,
    ) -> Allowance:
        """End an allowance; what has come stays until it expires.

        Also possible on a frozen account.

        Args:
            allowance_nonce: The nonce of the allowance.
            at: From when on nothing comes any more, with a time zone. None, or a time that has
                passed, is now. Until then, another call may say another time; ``"infinity"`` takes
                the end back.
            forfeit: Take what is left of it as well, but for what holds reserve, with an entry
                FORFEITURE; only possible at once.
            owner_id: Whose allowance it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The allowance; ``replayed`` is true if it had been ended like this before.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            UnknownApp: The app is not registered.
            AllowanceNotFound: The app has granted no such allowance, or not to that owner.
            AllowanceEnded: It has ended already, and can have no later end.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function()
    async def allowances_of(self, *, owner_id: str, asset: str = "CREDIT") -> list[Allowance]:
        """List an account's allowances of all apps.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.

        Returns:
            The allowances, the next to come first, then those that have ended; an empty list for
            an owner never seen. ``replayed`` is None.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function(of_app=True)
    async def reserve_claims(self, claims: Claims) -> list[ReservedClaim]:
        """Reserve claim subjects on this partition for entries of others; `Cluster` does it.

        Args:
            claims: Mappings with ``owner_id``, ``operation``, ``nonce`` and ``claim_subject`` of
                the requests: at most 10 000.

        Returns:
            For each, in any order, its ``claim_deadline`` or its refusal.

        Raises:
            InvalidRequest: An item is invalid.
            UnknownApp: The app is not registered.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def settle_claims(self, claims: Claims) -> list[SettledClaim]:
        """Keep reservations of this partition, or give them back; `Cluster` does it.

        Args:
            claims: Mappings with ``owner_id``, ``nonce``, ``claim_deadline`` and ``outcome`` of the
                requests: at most 10 000; ``app`` of those of other apps.

        Returns:
            What became of each.

        Raises:
            InvalidRequest: An item is invalid.
            UnknownApp: The app is not registered.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function()
    async def unsettled_claims(self, claims: Claims) -> list[UnsettledClaim]:
        """List reservations of this partition that take slots and may have no entry.

        Args:
            claims: Mappings with ``app``, ``operation`` and ``claim_subject``: at most 10 000.

        Returns:
            The reservations, the oldest first.

        Raises:
            InvalidRequest: An item is invalid.
        """

    @_sql_function()
    async def claim_outcomes(self, claims: Claims) -> list[ClaimOutcome]:
        """Tell what became of requests whose claim subjects other partitions have reserved.

        Args:
            claims: Mappings with ``app``, ``owner_id`` and ``nonce`` of the requests, and if known
                with ``operation``, ``claim_subject`` and ``claim_deadline``: at most 10 000.

        Returns:
            What became of each.

        Raises:
            InvalidRequest: An item is invalid.
        """

    @_sql_function()
    async def timeline(
        self,
        *,
        owner_id: str,
        asset: str = "CREDIT",
        since: datetime | None = None,
        until: datetime | None = None,
        points: Int32 = 500,
    ) -> list[BalanceStep]:
        """Return an account's balance over time as steps, for a curve.

        If there are more steps than ``points``, time is divided into equal stretches, each of which
        keeps its least, its most and its last balance and held credits, so that spikes are kept.
        With very many entries, spikes of few entries may be missed; ``ledger.timeline`` says which.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.
            since: The beginning, with a time zone, not in the future; the first step is the state
                then. None is the first entry.
            until: The end, inclusive; the last step is the state then. None, or a time in the
                future, is now.
            points: The most steps to return: 10 to 1000.

        Returns:
            The steps, oldest first; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def forecast(
        self,
        *,
        owner_id: str,
        asset: str = "CREDIT",
        until: datetime | None = None,
        max_rows: Int32 = 1000,
    ) -> list[ComingEvent]:
        """Return what will happen to an account by the clock alone, if nobody calls.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.
            until: The end, inclusive, with a time zone. None is all that is known.
            max_rows: The most events to return: 1 to 1000.

        Returns:
            The events, soonest first, each with the balance after it; an empty list for an owner
            never seen.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def find(self, *, text: str, max_rows: Int32 = 20) -> list[Match]:
        """Find what a text names, in all apps.

        Args:
            text: The beginning of an owner; or exactly a nonce, an ``entry_id`` or a
                ``claim_subject``: 1 to 255 characters, compared byte by byte.
            max_rows: The most matches to return: 1 to 1000.

        Returns:
            The matches; owners that only begin with the text come last.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def entries_after(
        self, cursor: str | None = None, *, max_rows: Int32 = 1000
    ) -> list[FeedEntry]:
        """Read the change feed: every committed entry of all accounts exactly once.

        Entries of one account come in the order of ``seq``. An entry appears once every transaction
        older than its own has ended, so that none is ever skipped.

        Args:
            cursor: The ``cursor`` of the last entry that was read. None starts with the first.
            max_rows: The most entries to return: 1 to 10 000.

        Returns:
            The entries that follow; an empty list when there are none yet.

        Raises:
            InvalidRequest: A value is invalid.
        """

    @_sql_function()
    async def feed_lag(self) -> FeedLag:
        """Tell how far the change feed is behind, and which transaction it waits for.

        Call it in a transaction of its own: others show the sessions as they were at the first
        call.

        Returns:
            The lag.
        """

    @_sql_function(of_app=True)
    async def operations_of(self) -> list[Operation]:
        """List the app's operations and their rules, without retired ones.

        Returns:
            The operations.

        Raises:
            UnknownApp: The app is not registered.
        """

    @_sql_function(of_app=True)
    async def place_hold(
        self,
        *,
        owner_id: str,
        operation: BaseLedgerOperation | str,
        nonce: str,
        amount: int | None = None,
        expires_in: timedelta = timedelta(minutes=15),
        metadata: Mapping[str, Any] | None = None,
        spender: str | None = None,
        quantity: int | None = None,
    ) -> Hold:
        """Reserve credits of an owner for a debit whose final amount is not known yet.

        A hold reduces the available credits, not the balance. Held credits do not expire.

        Args:
            owner_id: The owner of the credits: 1 to 255 characters.
            operation: One of the app's operations, a debit; captures record it.
            nonce: The caller's own id for the hold, unique among the app's holds and entries. A
                repeated request returns the hold as it is now, with ``replayed`` true.
            amount: The amount to reserve: a positive number of whole units of the asset.
            expires_in: When the hold ends by itself: at most 366 days.
            metadata: A JSON object, kept with the hold.
            spender: Who of the owner's members, keys or sessions it is for: 1 to 255 characters;
                the captures have the same.
            quantity: How much is expected to be used, in place of ``amount``: the operation's price
                makes the amount of it.

        Returns:
            The hold.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds.
            UnknownApp: The app is not registered.
            UnknownOperation: No such operation exists.
            OperationNotAllowed: The operation is not in the app's set.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: Less is available than the hold would reserve.
            BudgetExceeded: A budget does not allow it.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def capture_hold(
        self,
        *,
        hold_nonce: str,
        nonce: str,
        amount: int | None = None,
        final: bool = True,
        metadata: Mapping[str, Any] | None = None,
        owner_id: str | None = None,
        beyond: Beyond = "refuse",
        quantity: int | None = None,
    ) -> RecordedEntry:
        """Spend held credits, with an entry of the hold's operation.

        Args:
            hold_nonce: The nonce of the hold.
            nonce: The caller's own id for the capture, unique per app. A repeated request returns
                the first result, with ``replayed`` true, and changes nothing.
            amount: The amount to spend: a positive number of whole units. None spends all that
                remains in the hold.
            final: End the hold and release the rest. With False, more captures may follow until
                nothing remains.
            metadata: A JSON object, kept with the entry.
            owner_id: Whose hold it must be; with partitions, it tells where that is. None: the
                nonce says it.
            beyond: What to do with more than remains in the hold. ``refuse`` it; ``available``:
                take the rest from what is available, or raise InsufficientBalance; ``debt``:
                record it in full, down to the operation's ``max_debt`` below the floor of the
                account. The answer's ``overdrawn`` tells: None, the hold sufficed; False, the rest
                was available; True, there is a debt.
            quantity: How much was used, in place of ``amount``: at the price of the hold if it was
                placed by quantity, or else at that of now.

        Returns:
            The entry, with the balance after it.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is not positive, or more than remains in the hold, or
                more than its operation allows.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold, or not for that owner.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: More is captured than the hold reserves, is available, and may be
                a debt.
            BudgetExceeded: A budget does not allow it.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            HoldClosed: The hold has been captured or released, or has expired.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def release_hold(self, *, hold_nonce: str, owner_id: str | None = None) -> Hold:
        """End a hold and release its remaining credits.

        Args:
            hold_nonce: The nonce of the hold.
            owner_id: Whose hold it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The hold; ``replayed`` is true if it had been released before.

        Raises:
            InvalidRequest: The nonce is invalid.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold, or not for that owner.
            HoldClosed: The hold has been captured or has expired.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def grow_hold(
        self, *, hold_nonce: str, nonce: str, by: int, owner_id: str | None = None
    ) -> Hold:
        """Reserve more for an open hold, as often as needed; a refusal leaves it as it was.

        Args:
            hold_nonce: The nonce of the hold.
            nonce: The caller's own id for the growth, unique among the app's entries, holds and
                growths. A repeated request returns the hold, with ``replayed`` true, and changes
                nothing.
            by: How much more to reserve: a positive number of whole units.
            owner_id: Whose hold it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The hold.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The growth is not positive, or the hold would reserve more than its
                operation allows.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold, or not for that owner.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: Less is available than the hold would grow by.
            BudgetExceeded: A budget does not allow it.
            AccountFrozen: An operator has frozen the account.
            AccountClosed: The account was moved to another owner.
            HoldClosed: The hold has been captured or released, or has expired.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def extend_hold(
        self, *, hold_nonce: str, expires_in: timedelta, owner_id: str | None = None
    ) -> Hold:
        """Extend an open hold to at least a time from now; it is never shortened.

        Args:
            hold_nonce: The nonce of the hold.
            expires_in: The time from now: at most 366 days.
            owner_id: Whose hold it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The hold.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold, or not for that owner.
            HoldClosed: The hold has been captured or released, or has expired.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function()
    async def holds_of(
        self,
        *,
        owner_id: str,
        asset: str = "CREDIT",
        status: HoldStatus | None = None,
        before: datetime | None = None,
        max_rows: Int32 = 50,
    ) -> list[Hold]:
        """List an account's holds in all apps, newest first.

        Args:
            owner_id: The owner of the credits.
            asset: The unit counted.
            status: Only holds in this state now. None lists all.
            before: Only holds placed before this time, with a time zone: ``placed_at`` of the last
                hold of the previous page. None starts with the newest.
            max_rows: The most holds to return: 1 to 1000.

        Returns:
            The holds; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is invalid.
        """

    def hold(
        self,
        *,
        owner_id: str,
        operation: BaseLedgerOperation | str,
        nonce: str,
        amount: int | None = None,
        expires_in: timedelta = timedelta(minutes=15),
        metadata: Mapping[str, Any] | None = None,
        spender: str | None = None,
        quantity: int | None = None,
    ) -> OpenHold:
        """Hold credits for the duration of a block, which captures the used amount.

        ::

            async with ledger.hold(
                owner_id="alice", operation=App2Operation.TOKENS_USED, nonce="job-7", amount=10
            ) as hold:
                await hold.grow(5)  # the job takes longer
                used = ...
                await hold.capture(used, beyond="debt")

        The hold is placed on entry. On exit, whatever the reason, the remaining credits are
        released, unless the hold has ended otherwise. Exceptions pass through.

        For a slow job, use a connection with autocommit or commit after the hold is placed. In an
        open transaction nobody else sees the hold, and the account stays locked until it ends. If
        the transaction has failed by the exit of the block, nothing can be released: the rollback
        undoes the placing, and a hold that was committed earlier ends when it expires. Without a
        transaction, the release is committed by itself.

        A retry of the block with the same nonce continues with the hold of the first attempt if it
        is open, and extends it to ``expires_in`` from then. If it has ended, HoldClosed is raised
        on entry: if the ``status`` in its detail is ``captured``, the job has been paid for;
        otherwise a retry needs a new nonce.

        Args:
            owner_id: As in place_hold, like all that follow.
            operation: The debit that captures record.
            nonce: The caller's own id for the hold. Captures and growths without a nonce derive one
                from it, so leave room for a suffix (``:capture``, ``:capture-2``, ``:grow`` …).
            amount: The amount to reserve: a positive number of whole units of the asset.
            expires_in: When the hold ends by itself.
            metadata: A JSON object, kept with the hold.
            spender: Who of the owner's members, keys or sessions it is for.
            quantity: How much is expected to be used, in place of ``amount``.

        Returns:
            The context manager. Entering it raises the errors of place_hold, and HoldClosed.
        """
        return OpenHold(
            self,
            owner_id=owner_id,
            operation=operation,
            nonce=nonce,
            amount=amount,
            expires_in=expires_in,
            metadata=metadata,
            spender=spender,
            quantity=quantity,
        )

    @_sql_function()
    async def adjust_balance(
        self,
        *,
        owner_id: str,
        amount: int,
        nonce: str,
        actor: str,
        reason: str,
        asset: str = "CREDIT",
    ) -> RecordedEntry:
        """Adjust an account by hand; for operators.

        Also possible on a frozen account, but not below the account's floor.

        Args:
            owner_id: The owner of the credits.
            amount: Whole units of the asset, not 0: positive credits, negative debits.
            nonce: The caller's own id for this request, unique among adjustments. A repeated
                request returns the first result, with ``replayed`` true, and changes nothing.
            actor: The person who decides: 1 to 255 characters, kept with the entry.
            reason: The reason: 1 to 1000 characters, kept with the entry.
            asset: The unit counted.

        Returns:
            The entry, of operation ADJUSTMENT and app ``ledger``.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is beyond the limits of all amounts.
            NonceConflict: The nonce was used by a different adjustment.
            InsufficientBalance: Less is available than the adjustment would take.
            AccountClosed: The account was moved to another owner.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def move_account(
        self,
        *,
        from_owner_id: str,
        to_owner_id: str,
        nonce: str,
        actor: str,
        reason: str,
        asset: str = "CREDIT",
    ) -> Transfer:
        """Move an account to another owner, and close it; for operators.

        All its credits go over as they are, with their expiry, class and use. What the old owner
        has claimed counts as claimed by the new one, too.

        Args:
            from_owner_id: The owner of the account that is closed.
            to_owner_id: The owner who gets the credits; with partitions, one of the same partition.
            nonce: The caller's own id for this request, unique among adjustments and moves. A
                repeated request returns the first result, with ``replayed`` true.
            actor: The person who decides: 1 to 255 characters, kept with the entries.
            reason: The reason: 1 to 1000 characters, kept with the entries.
            asset: The unit counted.

        Returns:
            The entries of both sides, of operation ACCOUNT_MOVE and app ``ledger``.

        Raises:
            InvalidRequest: A value is invalid, or the account has open holds, allowances under way
                or an overdraft; the detail says which.
            AmountOutOfBounds: The new owner would have too much.
            NonceConflict: The nonce was used by a different request.
            AccountClosed: One of the accounts was moved already.
            OtherPartition: Another partition keeps the new owner.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def reverse_by_hand(
        self,
        *,
        app: str,
        nonce: str,
        original_nonce: str,
        actor: str,
        reason: str,
        amount: int | None = None,
        free_claim: bool = False,
    ) -> RecordedEntry:
        """Reverse an entry of an app by hand; for operators.

        As `reverse_entry` does for the app itself; also possible on a frozen account.

        Args:
            app: The app that recorded the entry.
            nonce: The caller's own id for this request, unique among those of the app. A repeated
                request returns the first result, with ``replayed`` true, and changes nothing.
            original_nonce: The nonce of the entry to reverse, which is not a reversal itself.
            actor: The person who decides: 1 to 255 characters, kept with the entry.
            reason: The reason: 1 to 1000 characters, kept with the entry.
            amount: The amount to reverse: positive whole units. None is all that is left.
            free_claim: Allow a claim that is fully reversed to be claimed again.

        Returns:
            The reversal, of the app that recorded the entry.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AmountOutOfBounds: The amount is not positive.
            EntryNotFound: The app has recorded no entry with the original nonce, or not for that
                owner.
            NonceConflict: The nonce was used by a different request.
            InsufficientBalance: Less is available than the credit to reverse.
            ReversalExceedsOriginal: Less of the entry, or nothing, is left to reverse.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def end_allowance_by_hand(
        self,
        *,
        app: str,
        allowance_nonce: str,
        actor: str,
        reason: str,
        at: EndTime | None = None,
        forfeit: bool = False,
        owner_id: str | None = None,
    ) -> Allowance:
        """End an allowance of an app by hand; for operators.

        As `end_allowance` does for the app itself.

        Args:
            app: The app that granted the allowance.
            allowance_nonce: The nonce of the allowance.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: The reason: 1 to 1000 characters, kept in the journal.
            at: From when on nothing comes any more, with a time zone. None, or a time that has
                passed, is now; ``"infinity"`` takes an end back that has not come.
            forfeit: Take what is left of it as well, but for what holds reserve, with an entry
                FORFEITURE; only possible at once.
            owner_id: Whose allowance it must be; with partitions, it tells where that is. None: the
                nonce says it.

        Returns:
            The allowance; ``replayed`` is true if it had been ended like this before.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            AllowanceNotFound: The app has granted no such allowance, or not to that owner.
            AllowanceEnded: It has ended already, and can have no later end.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def set_min_balance(
        self, *, owner_id: str, min_balance: int, actor: str, reason: str, asset: str = "CREDIT"
    ) -> None:
        """Set the floor of an account's available credits; for operators.

        Args:
            owner_id: The owner of the credits; the account need not have entries yet.
            min_balance: The floor in whole units: 0, or below it for an overdraft.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: The reason: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            InsufficientBalance: The available credits are below the new floor already.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def set_budget(
        self,
        *,
        owner_id: str,
        budget: str,
        most: int,
        period: BudgetPeriod,
        actor: str,
        reason: str,
        asset: str = "CREDIT",
        app: str | None = None,
        operation: BaseLedgerOperation | str | None = None,
        spender: str | None = None,
        time_zone: str = "UTC",
    ) -> Budget:
        """Set the most that an owner may spend and hold in a period, or change it.

        It counts what was spent in the period already. For operators, and for logins that may set
        budgets of their app.

        Args:
            owner_id: The owner; it need not have entries yet.
            budget: The name, in lower case; it replaces the budget of everybody of that name.
            most: The most, in whole units.
            period: The period, by the calendar of ``time_zone``; weeks begin on Monday.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: The reason: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.
            app: The app whose debits count; None is any.
            operation: The operation whose debits count; None is any.
            spender: Whose debits count: those of one spender; ``*``: of each by itself, before
                which those of a named one of the same name go. None: of all together.
            time_zone: The zone in which periods begin.

        Returns:
            The budget.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            UnknownApp: The app is not registered.
            UnknownOperation: The operation is not defined.
            NotAuthorized: The connection's role may not set this budget.
        """

    @_sql_function()
    async def drop_budget(
        self,
        *,
        owner_id: str,
        budget: str,
        actor: str,
        reason: str,
        asset: str = "CREDIT",
        spender: str | None = None,
    ) -> None:
        """Drop a budget of the owner's own; that of everybody of that name is in force again.

        For operators, and for logins that may set budgets of their app.

        Args:
            owner_id: The owner.
            budget: The name.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: The reason: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.
            spender: The spender, as it was set.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            BudgetNotFound: The owner has no such budget of its own.
            NotAuthorized: The connection's role may not drop this budget.
        """

    @_sql_function()
    async def freeze_account(
        self, *, owner_id: str, actor: str, reason: str, asset: str = "CREDIT"
    ) -> None:
        """Stop all apps from recording, holding, capturing and reversing on an account.

        For operators. Holds can still be released, operators can adjust, and credits still expire.
        Freezing a frozen account changes nothing.

        Args:
            owner_id: The owner of the credits.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: The reason: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def unfreeze_account(
        self, *, owner_id: str, actor: str, reason: str, asset: str = "CREDIT"
    ) -> None:
        """Unfreeze an account; for operators.

        Unfreezing an account that is not frozen changes nothing.

        Args:
            owner_id: The owner of the credits.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: The reason: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.

        Raises:
            InvalidRequest: A value is invalid; the detail names the field.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    @_sql_function()
    async def expire_credits(self, *, max_accounts: Int32 = 1000) -> int:
        """Post what is overdue on idle accounts: expiries, allowances, holds; for operators.

        Balances are exact without it; statements and feeds show an expiry once it is posted. Commit
        between calls: the accounts stay locked until then.

        Args:
            max_accounts: The most accounts to settle in this call: 1 to 100 000.

        Returns:
            The number of accounts; 0 when nothing is due any more.

        Raises:
            InvalidRequest: The number is invalid.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator.
        """

    def dry_run(self) -> AbstractAsyncContextManager[object]:
        """Ask what calls would do, without doing it.

        Everything in the block answers and refuses as ever, and is rolled back at its end: nonces
        stay free, and accounts, claims and the change feed are as before. So are the caller's own
        statements in the block. Accounts are locked until the end of the block::

            async with ledger.dry_run():
                price = await ledger.record_entry(...)

        Returns:
            A context manager: a transaction that is rolled back, or within a transaction a
            savepoint.
        """
        return self._dry_run()

    @asynccontextmanager
    async def _dry_run(self) -> AsyncIterator[None]:
        async with self.conn.transaction(force_rollback=True):
            # A front of a cluster cannot roll back what it has asked for.
            await self.conn.execute(DRY_RUN)
            yield

    async def _rows(self, function: SqlFunction, parameters: Mapping[str, object]) -> list[Any]:
        cursor = _LedgerCursor(self.conn, row_factory=function.row_factory)
        try:
            await self._execute(cursor, function.query, parameters)
            return await self._fetch(cursor)
        except psycopg.Error as exc:
            refusal = translate(exc)
            if refusal is None:
                raise
            raise refusal from exc

    async def _execute(
        self, cursor: AsyncCursor[Any], query: bytes, parameters: Mapping[str, object]
    ) -> None:
        await cursor.execute(query, parameters, binary=True)

    async def _fetch(self, cursor: AsyncCursor[Any]) -> list[Any]:
        return await cursor.fetchall()


class OpenHold:
    """A hold for the duration of a block; made by ``hold`` of the ledger.

    Args:
        ledger: The ledger.
        request: The arguments of place_hold.

    Attributes:
        nonce: The nonce of the hold.
        placed: The hold on entry of the block.
    """

    placed: Hold

    def __init__(self, ledger: AsyncLedger, **request: Any) -> None:
        self.nonce: str = request["nonce"]
        self._ledger = ledger
        self._request = request
        self._captures = 0
        self._growths = 0
        self._captured = False

    async def __aenter__(self) -> OpenHold:
        self.placed = await self._ledger.place_hold(**self._request)
        if self.placed.replayed:
            # Placed by an earlier attempt. This refuses a hold that has ended, and extends one that
            # is open.
            self.placed = await self.extend(self._request["expires_in"])
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After an exception, the capture may have been rolled back to a savepoint.
        if self._captured and exc is None:
            return
        try:
            await self._release_if_open()
        except (psycopg.Error, LedgerError) as failure:
            if exc is None:
                raise
            exc.add_note(f"The hold {self.nonce!r} could not be released: {failure}")

    async def capture(
        self,
        amount: int | None = None,
        *,
        nonce: str | None = None,
        final: bool = True,
        metadata: Mapping[str, Any] | None = None,
        quantity: int | None = None,
        beyond: Beyond = "refuse",
    ) -> RecordedEntry:
        """Spend held credits.

        Args:
            amount: As in capture_hold: a positive number of whole units, None for all.
            nonce: The caller's own id for the capture. None derives one from the hold's: a retry of
                the block that captures the same in the same order gets the first results.
            final: End the hold and release the rest. With False, more captures may follow.
            metadata: A JSON object, kept with the entry.
            quantity: How much was used, in place of ``amount``.
            beyond: What to do with more than the hold reserves; see capture_hold.

        Returns:
            The entry, with the balance after it.

        Raises:
            LedgerError: Any refusal of capture_hold.
        """
        entry = await self._ledger.capture_hold(
            hold_nonce=self.nonce,
            nonce=self._derived("capture", self._captures) if nonce is None else nonce,
            amount=amount,
            final=final,
            metadata=metadata,
            quantity=quantity,
            beyond=beyond,
        )
        if nonce is None:
            self._captures += 1
        self._captured = final
        return entry

    async def grow(self, by: int, *, nonce: str | None = None) -> Hold:
        """Reserve more.

        Args:
            by: How much more: a positive number of whole units.
            nonce: The caller's own id for the growth. None derives one from the hold's: a retry of
                the block that grows by the same in the same order changes nothing.

        Returns:
            The hold.

        Raises:
            LedgerError: Any refusal of grow_hold.
        """
        hold = await self._ledger.grow_hold(
            hold_nonce=self.nonce,
            nonce=self._derived("grow", self._growths) if nonce is None else nonce,
            by=by,
        )
        if nonce is None:
            self._growths += 1
        return hold

    async def extend(self, expires_in: timedelta) -> Hold:
        """Extend the hold to at least a time from now.

        Args:
            expires_in: The time from now: at most 366 days.

        Returns:
            The hold.

        Raises:
            LedgerError: Any refusal of extend_hold.
        """
        return await self._ledger.extend_hold(hold_nonce=self.nonce, expires_in=expires_in)

    def _derived(self, kind: str, number: int) -> str:
        suffix = f"-{number + 1}" if number else ""
        return f"{self.nonce}:{kind}{suffix}"

    async def _release_if_open(self) -> None:
        conn = self._ledger.conn
        if conn.info.transaction_status == TransactionStatus.INERROR:
            return
        try:
            # In a savepoint: the refusal of a closed hold must not fail the caller's transaction.
            async with conn.transaction():
                await self._ledger.release_hold(hold_nonce=self.nonce)
        except (HoldClosed, HoldNotFound):
            pass  # captured or expired, or its placing was rolled back


class _LedgerCursor(AsyncCursor[RowT]):
    """A cursor with the client's adapters instead of the connection's."""

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS
