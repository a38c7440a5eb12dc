"""The functions of the ledger as methods, on a psycopg connection that the caller owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.adapt import AdaptersMap
from psycopg.pq import TransactionStatus

from ledger_py.calls import SqlFunction
from ledger_py.errors import HoldClosed, HoldNotFound, LedgerError, translate
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import (
    Balance,
    Entry,
    FeedEntry,
    Hold,
    HoldStatus,
    Operation,
    RecordedEntry,
    Refusal,
    StatementLine,
)
from ledger_py.values import ADAPTERS, Entries, Int32

# The methods that are SQL functions have no body of their own.
# mypy: disable-error-code="empty-body"

MethodT = TypeVar("MethodT", bound=Callable[..., Any])
RowT = TypeVar("RowT")


def _sql_function(
    *, of_app: bool = False, echoed: Sequence[str] = ()
) -> Callable[[MethodT], MethodT]:
    """Let a method call the SQL function of its name; see ``SqlFunction``."""

    def decorate(method: MethodT) -> MethodT:
        function = SqlFunction(method, of_app=of_app, echoed=echoed)

        @wraps(method)
        async def call(self: AsyncLedger, *positional: object, **named: object) -> Any:
            rows = await self._rows(function, function.bind(self, positional, named))
            if function.returns_list:
                return rows
            (row,) = rows
            return row

        vars(call)["sql_function"] = function
        return cast(MethodT, call)

    return decorate


class AsyncLedger:
    """The ledger as one app sees it, on a connection that the caller owns.

    Every method is one call of the SQL function of the same name. It takes part in whatever
    transaction the connection is in, beside the caller's own statements, and commits or vanishes
    with them. No method commits, rolls back, or changes a setting of the connection, and none of
    the connection's own settings (row factory, cursor factory, adapters, autocommit, time zone)
    matters here. Pipeline mode works; there, each method waits for its answer.

    A refusal is raised as a subclass of LedgerError, by the SQLSTATE that the database raised::

        async with conn.transaction():
            await conn.execute("INSERT INTO orders …")
            await AsyncLedger(conn, app="app1").record_entry(
                owner_id="alice", operation=App1Operation.CREDIT_SPEND, amount=-3, nonce="order-7"
            )

    After a refusal PostgreSQL accepts nothing more in the transaction than its rollback, as after
    any error. To go on in the same transaction, give the call a savepoint of its own::

        try:
            async with conn.transaction():
                await ledger.record_entry(...)
        except InsufficientBalance as refusal:
            ...  # what was done before the savepoint is still there

    Args:
        conn: The connection; the caller opens, commits and closes it.
        app: The app that records: its operations, its nonces.

    Attributes:
        conn: The connection.
        app: The app.
    """

    def __init__(self, conn: AsyncConnection[Any], *, app: str) -> None:
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
    ) -> RecordedEntry:
        """Record one change of an owner's account, or nothing.

        Args:
            owner_id: Who holds the credits: 1 to 255 characters.
            operation: One of the app's operations, which names the asset and the rule.
            nonce: The caller's own id for this request, unique per app. The same request again
                gets the first answer, with ``replayed`` true, and changes nothing.
            amount: Whole units of the asset: positive credits, negative debits. None takes the
                operation's default.
            metadata: Anything that JSON can hold, kept with the entry.
            expires_at: When the credits expire, with a time zone. None takes the operation's rule.
            claim_subject: Someone or something else that the operation's claim limit counts, such
                as a hashed e-mail address.

        Returns:
            The entry, with the balance after it.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds.
            UnknownApp: The app is not registered.
            UnknownOperation: No such operation exists.
            OperationNotAllowed: The operation is not in the app's set.
            NonceConflict: A different request has used the nonce.
            InsufficientBalance: Less is available than the request would take.
            ClaimLimitReached: The operation has been claimed as often as it may be.
            AccountFrozen: An operator has frozen the account.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def record_entries(
        self,
        entries: Entries,
        *,
        atomic: bool = False,
    ) -> list[RecordedEntry | Refusal]:
        """Record a batch of entries, with the meaning of one record_entry after the other.

        A refused item does not touch the others, nor the transaction::

            for result in await ledger.record_entries(requests):
                if isinstance(result, Refusal):
                    print(result.position, result.error)

        Args:
            entries: At most 10 000 items: requests, mappings of their fields, or the JSON array of
                them as bytes.
            atomic: Record all or none: the first refusal is raised, with its ``position`` (counted
                from 1) in the detail.

        Returns:
            What became of each item, in the order of the items.

        Raises:
            InvalidRequest: There are too many items, or one is not JSON or cannot be sent; nothing
                has been recorded. The detail has the ``position`` of an item that cannot be sent.
            UnknownApp: The app is not registered.
            NotAuthorized: The connection's role may not act for the app.
            LedgerError: If atomic, every refusal of record_entry.
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
    ) -> RecordedEntry:
        """Take back an entry of the app, wholly or in part, by an entry of operation REVERSAL.

        Credits that a debit took go back to where they came from; those that have expired meanwhile
        expire at once. A credit can be taken back only while it is available and has not expired.

        Args:
            nonce: The caller's own id for this request, unique per app. The same request again
                gets the first answer, with ``replayed`` true, and changes nothing.
            original_nonce: The nonce of the entry to reverse, which is not itself a reversal.
            amount: How much of it to take back: a positive number of whole units. None takes back
                all that is left. All reversals of an entry together never exceed it.
            metadata: Anything that JSON can hold, kept with the reversal.
            free_claim: Let a claim that is reversed wholly be claimed again.

        Returns:
            The reversal, with the balance after it.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            AmountOutOfBounds: The amount is not positive.
            UnknownApp: The app is not registered.
            EntryNotFound: The app has recorded no entry with the original nonce.
            NonceConflict: A different request has used the nonce.
            InsufficientBalance: Less is available than the credit to be taken back.
            AccountFrozen: An operator has frozen the account.
            ReversalExceedsOriginal: Less of the entry is left to be reversed, or nothing.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(echoed=("owner_id", "asset"))
    async def balance(self, *, owner_id: str, asset: str = "CREDIT") -> Balance:
        """Tell what an owner has in one asset, now.

        Args:
            owner_id: Who holds the credits.
            asset: The unit counted.

        Returns:
            The balance; zeros for an owner never seen.

        Raises:
            InvalidRequest: A value is not acceptable.
        """

    @_sql_function()
    async def balance_at(self, *, owner_id: str, at: datetime, asset: str = "CREDIT") -> int:
        """Tell what an owner had in one asset at a time.

        Args:
            owner_id: Who holds the credits.
            at: The time, with a time zone, not in the future; entries of this very microsecond
                count.
            asset: The unit counted.

        Returns:
            The balance in whole units of the asset; 0 before the first entry.

        Raises:
            InvalidRequest: A value is not acceptable.
        """

    @_sql_function()
    async def statement(
        self, *, owner_id: str, since: datetime, until: datetime, asset: str = "CREDIT"
    ) -> list[StatementLine]:
        """Tell what moved on an account in a period.

        Args:
            owner_id: Who holds the credits.
            since: Where the period begins, with a time zone, not in the future.
            until: Where it ends; this moment does not belong to it. Beyond now it means now.
            asset: The unit counted.

        Returns:
            The balance before, a total for each app and operation, and the balance after, which is
            the sum of all these.

        Raises:
            InvalidRequest: A value is not acceptable.
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
            owner_id: Who holds the credits.
            asset: The unit counted.
            before_seq: Only entries with a lower number: the ``seq`` of the last entry of the page
                before. None begins with the newest.
            max_rows: The most entries to return.

        Returns:
            The entries; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is not acceptable.
        """

    @_sql_function()
    async def entries_after(
        self, cursor: str | None = None, *, max_rows: Int32 = 1000
    ) -> list[FeedEntry]:
        """Read the change feed: the entries of all accounts, each committed one exactly once.

        Entries of one account come in the order of ``seq``. An entry appears when every transaction
        that is older than its own has ended, so that none is ever skipped.

        Args:
            cursor: The ``cursor`` of the last entry that was read. None begins with the first.
            max_rows: The most entries to return: 1 to 10 000.

        Returns:
            The entries that follow; an empty list when there are none yet.

        Raises:
            InvalidRequest: A value is not acceptable.
        """

    @_sql_function(of_app=True)
    async def operations_of(self) -> list[Operation]:
        """List the app's operations with the rules that hold for it; retired ones are left out.

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
        amount: int,
        expires_in: timedelta = timedelta(minutes=15),
        metadata: Mapping[str, Any] | None = None,
    ) -> Hold:
        """Reserve credits of an owner for a debit whose final amount is not known yet.

        A hold lowers what is available, not the balance, and the credits under it do not expire.

        Args:
            owner_id: Who holds the credits: 1 to 255 characters.
            operation: The debit, one of the app's operations, that captures will record.
            nonce: The caller's own id for the hold, unique among the app's holds and entries. The
                same request again gets the hold as it is now, with ``replayed`` true.
            amount: How much to reserve: a positive number of whole units of the asset.
            expires_in: When the hold ends by itself: at most 366 days.
            metadata: Anything that JSON can hold, kept with the hold.

        Returns:
            The hold.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            AmountOutOfBounds: The amount is outside the operation's bounds.
            UnknownApp: The app is not registered.
            UnknownOperation: No such operation exists.
            OperationNotAllowed: The operation is not in the app's set.
            NonceConflict: A different request has used the nonce.
            InsufficientBalance: Less is available than the hold would reserve.
            AccountFrozen: An operator has frozen the account.
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
    ) -> RecordedEntry:
        """Spend what a hold reserves, by an entry of the hold's operation.

        Args:
            hold_nonce: The nonce of the hold.
            nonce: The caller's own id for the capture, unique per app. The same request again gets
                the first answer, with ``replayed`` true, and changes nothing.
            amount: How much to spend: a positive number of whole units, at most what the hold still
                reserves. None spends all of that.
            final: End the hold and give back the rest. With False further captures may follow,
                until nothing is left.
            metadata: Anything that JSON can hold, kept with the entry.

        Returns:
            The entry, with the balance after it.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            AmountOutOfBounds: The amount is not positive, or more than the hold still reserves.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold.
            NonceConflict: A different request has used the nonce.
            AccountFrozen: An operator has frozen the account.
            HoldClosed: The hold has been captured or released, or has expired.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def release_hold(self, *, hold_nonce: str) -> Hold:
        """End a hold and give back what it still reserves.

        Args:
            hold_nonce: The nonce of the hold.

        Returns:
            The hold; ``replayed`` is true when it had been released before.

        Raises:
            InvalidRequest: The nonce is not acceptable.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold.
            HoldClosed: The hold has been captured or has expired.
            NotAuthorized: The connection's role may not act for the app.
        """

    @_sql_function(of_app=True)
    async def extend_hold(self, *, hold_nonce: str, expires_in: timedelta) -> Hold:
        """Let an open hold last at least for a time from now; it is never shortened.

        Args:
            hold_nonce: The nonce of the hold.
            expires_in: How long: at most 366 days.

        Returns:
            The hold.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            UnknownApp: The app is not registered.
            HoldNotFound: The app has placed no such hold.
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
            owner_id: Who holds the credits.
            asset: The unit counted.
            status: Only holds that are in this state now. None lists all.
            before: Only holds placed before this time, with a time zone: ``placed_at`` of the last
                hold of the page before. None begins with the newest.
            max_rows: The most holds to return.

        Returns:
            The holds; an empty list for an owner never seen.

        Raises:
            InvalidRequest: A value is not acceptable.
        """

    def hold(
        self,
        *,
        owner_id: str,
        operation: BaseLedgerOperation | str,
        nonce: str,
        amount: int,
        expires_in: timedelta = timedelta(minutes=15),
        metadata: Mapping[str, Any] | None = None,
    ) -> OpenHold:
        """Hold credits for the length of a block, which captures what was used.

        ::

            async with ledger.hold(
                owner_id="alice", operation=App2Operation.TOKENS_USED, nonce="job-7", amount=10
            ) as hold:
                used = ...  # the job
                await hold.capture(used)

        The hold is placed on entry. However the block is left, what is then still held is given
        back, unless the hold has ended otherwise; an exception passes through.

        For a slow job use a connection with autocommit, or commit after the placing. In an open
        transaction nobody else sees the hold, and the account stays locked until the end of it.
        If the transaction has failed when the block is left, nothing can be released: its rollback
        undoes the placing, and a hold that was committed before ends when it expires. If there is
        no transaction then, the release is committed by itself.

        A second try of a block, with the same nonce, goes on with the hold of the first if that is
        open, and lets it last for ``expires_in`` from then. If it has ended, HoldClosed is raised
        on entry: with ``captured`` as ``status`` in its detail the job has been paid, else a new
        try needs a new nonce.

        Args:
            owner_id: As place_hold takes it, as all that follow.
            operation: The debit that captures will record.
            nonce: The caller's own id for the hold. Captures derive theirs from it, unless they are
                given one, so leave room for a suffix (``:capture``, ``:capture-2`` …).
            amount: How much to reserve: a positive number of whole units of the asset.
            expires_in: When the hold ends by itself.
            metadata: Anything that JSON can hold, kept with the hold.

        Returns:
            The block's context manager. Entering it raises what place_hold raises, and HoldClosed.
        """
        return OpenHold(
            self,
            owner_id=owner_id,
            operation=operation,
            nonce=nonce,
            amount=amount,
            expires_in=expires_in,
            metadata=metadata,
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
        """Add to an account by hand, or take from it; for operators.

        Works on a frozen account too, but not below the account's floor.

        Args:
            owner_id: Who holds the credits.
            amount: Whole units of the asset, not 0: positive credits, negative debits.
            nonce: The caller's own id for this request, unique among adjustments. The same request
                again gets the first answer, with ``replayed`` true, and changes nothing.
            actor: The person who decides: 1 to 255 characters, kept with the entry.
            reason: Why: 1 to 1000 characters, kept with the entry.
            asset: The unit counted.

        Returns:
            The entry, of operation ADJUSTMENT and app ``ledger``.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            AmountOutOfBounds: The amount is beyond what any amount can be.
            NonceConflict: A different adjustment has used the nonce.
            InsufficientBalance: Less is available than the adjustment would take.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator's.
        """

    @_sql_function()
    async def set_min_balance(
        self, *, owner_id: str, min_balance: int, actor: str, reason: str, asset: str = "CREDIT"
    ) -> None:
        """Set the floor below which an account's available credits never pass; for operators.

        Args:
            owner_id: Who holds the credits, or will: the account need not have entries yet.
            min_balance: The floor in whole units: 0, or below it for an overdraft.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: Why: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            InsufficientBalance: The available credits are below the new floor already.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator's.
        """

    @_sql_function()
    async def freeze_account(
        self, *, owner_id: str, actor: str, reason: str, asset: str = "CREDIT"
    ) -> None:
        """Let no app record, hold, capture or reverse on an account; for operators.

        Holds can still be released, operators can adjust, and credits go on expiring. Freezing a
        frozen account changes nothing.

        Args:
            owner_id: Who holds the credits.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: Why: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator's.
        """

    @_sql_function()
    async def unfreeze_account(
        self, *, owner_id: str, actor: str, reason: str, asset: str = "CREDIT"
    ) -> None:
        """Open a frozen account again; for operators.

        Unfreezing an account that is not frozen changes nothing.

        Args:
            owner_id: Who holds the credits.
            actor: The person who decides: 1 to 255 characters, kept in the journal.
            reason: Why: 1 to 1000 characters, kept in the journal.
            asset: The unit counted.

        Raises:
            InvalidRequest: A value is not acceptable; the detail names the field.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator's.
        """

    @_sql_function()
    async def expire_credits(self, *, max_accounts: Int32 = 1000) -> int:
        """Post what is due (expiries of credits, ends of holds) on accounts that nobody touches.

        Balances are exact without it; statements and feeds show an expiry once it is posted. Commit
        between calls: the accounts stay locked until then.

        Args:
            max_accounts: The most accounts to look after in this call: 1 to 100 000.

        Returns:
            The number of accounts; 0 when nothing is due any more.

        Raises:
            InvalidRequest: The number is not acceptable.
            psycopg.errors.InsufficientPrivilege: The connection's role is not an operator's.
        """

    async def _rows(self, function: SqlFunction, parameters: Mapping[str, object]) -> list[Any]:
        cursor = _LedgerCursor(self.conn, row_factory=function.row_factory)
        try:
            await cursor.execute(function.query, parameters, binary=True)
            return await cursor.fetchall()
        except psycopg.Error as exc:
            refusal = translate(exc)
            if refusal is None:
                raise
            raise refusal from exc


class OpenHold:
    """A hold for the length of a block; see the method ``hold`` of the ledger, which makes it.

    Args:
        ledger: The ledger.
        request: The arguments of place_hold.

    Attributes:
        nonce: The nonce of the hold.
        placed: The hold as it was when the block began.
    """

    placed: Hold

    def __init__(self, ledger: AsyncLedger, **request: Any) -> None:
        self.nonce: str = request["nonce"]
        self._ledger = ledger
        self._request = request
        self._captures = 0
        self._captured = False

    async def __aenter__(self) -> OpenHold:
        self.placed = await self._ledger.place_hold(**self._request)
        if self.placed.replayed:
            # An earlier try of this block has placed it. This refuses a hold that has ended, and
            # lets one that is open last for this try.
            self.placed = await self.extend(self._request["expires_in"])
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After an exception the capture may have been rolled back to a savepoint.
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
    ) -> RecordedEntry:
        """Spend what the hold reserves.

        Args:
            amount: As capture_hold takes it: a positive number of whole units, None for all.
            nonce: The caller's own id for the capture. None derives one from the hold's: a second
                try of the block that captures the same in the same order gets the first answers.
            final: End the hold and give back the rest. With False further captures may follow.
            metadata: Anything that JSON can hold, kept with the entry.

        Returns:
            The entry, with the balance after it.

        Raises:
            LedgerError: Every refusal of capture_hold.
        """
        entry = await self._ledger.capture_hold(
            hold_nonce=self.nonce,
            nonce=self._next_nonce() if nonce is None else nonce,
            amount=amount,
            final=final,
            metadata=metadata,
        )
        if nonce is None:
            self._captures += 1
        self._captured = final
        return entry

    async def extend(self, expires_in: timedelta) -> Hold:
        """Let the hold last at least for a time from now.

        Args:
            expires_in: How long: at most 366 days.

        Returns:
            The hold.

        Raises:
            LedgerError: Every refusal of extend_hold.
        """
        return await self._ledger.extend_hold(hold_nonce=self.nonce, expires_in=expires_in)

    def _next_nonce(self) -> str:
        suffix = f"-{self._captures + 1}" if self._captures else ""
        return f"{self.nonce}:capture{suffix}"

    async def _release_if_open(self) -> None:
        conn = self._ledger.conn
        if conn.info.transaction_status == TransactionStatus.INERROR:
            return
        try:
            # The refusal of a hold that has ended must not fail the caller's transaction.
            async with conn.transaction():
                await self._ledger.release_hold(hold_nonce=self.nonce)
        except (HoldClosed, HoldNotFound):
            pass  # captured or expired; or its placing has been rolled back


class _LedgerCursor(AsyncCursor[RowT]):
    """A cursor that reads and writes values in the client's way, not in the connection's."""

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS
