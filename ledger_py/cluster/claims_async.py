"""Claims whose subject and owner belong to different partitions.

Three calls, none of which knows of the others:

1. The partition of the subject reserves a slot of the limit, and answers a deadline.
2. The partition of the owner records the entry, if the deadline has not passed.
3. The partition of the subject keeps the slot, or takes it back.

Whoever dies in between leaves a reservation that is not settled. The same request finds it. Others
ask the partition of its owner what became of the request, once it cannot be recorded any more.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import AsyncConnection

from ledger_py.calls import SqlFunction
from ledger_py.client_async import AsyncLedger
from ledger_py.cluster.files import ClusterFile
from ledger_py.cluster.splitting import items_at
from ledger_py.cluster.subjects import (
    AWAY,
    Answers,
    Claim,
    Reserved,
    ResultT,
    Said,
    Sending,
    Settlement,
    answer_instead,
    claims_of,
    deadlines_in,
    is_limited,
    refusal_instead,
    said_of,
    with_deadlines,
)
from ledger_py.cluster.waiting import call_each_async, pause_async
from ledger_py.errors import (
    ClaimLimitReached,
    ClaimNotReserved,
    LedgerError,
    PartitionUnavailable,
    WrongPartition,
)
from ledger_py.structs import UnsettledClaim
from ledger_py.values import json_bytes, json_parameter

PATIENCE: Final = 1.0
"""Seconds to wait for requests under way that may give back what they have reserved."""

_POLL: Final = 0.02


class AsyncClaims:
    """The reservations of one app on all partitions.

    Args:
        app: The app.
        file: Returns the file of the cluster as it was read last.
        read_anew: Reads it anew.
        ask: Calls a partition, by its name, in a transaction of its own. Raises
            PartitionUnavailable if that is away.
        try_out: Does the same in a transaction that is rolled back. With it, nothing is reserved,
            and requests are only tried out.
    """

    def __init__(
        self,
        app: str,
        *,
        file: Callable[[], ClusterFile],
        read_anew: Callable[[], Awaitable[None]],
        ask: Callable[[str, Callable[[AsyncLedger], Awaitable[Any]]], Awaitable[Any]],
        try_out: (
            Callable[[str, Callable[[AsyncLedger], Awaitable[Any]]], Awaitable[Any]] | None
        ) = None,
    ) -> None:
        self._app = app
        self._file = file
        self._read_anew = read_anew
        self._ask = ask
        self._ask_to_reserve = try_out or ask
        self._dries = try_out is not None

    def elsewhere(self, claims: Mapping[int, Claim]) -> dict[int, Claim]:
        """Return the claims whose subject belongs to another partition than the owner."""
        number_of = self._file().number_of
        return {
            at: claim
            for at, claim in claims.items()
            if number_of(claim.owner_id) != number_of(claim.claim_subject)
        }

    async def follow(self) -> bool:
        """Read the file anew, when an owner's partition does not keep a subject any more.

        Returns:
            True if it is another one now.
        """
        file = self._file()
        await self._read_anew()
        return self._file() != file

    async def record_batch(
        self,
        document: bytes,
        record: Callable[[bytes, Sending, bool], Awaitable[list[ResultT]]],
        answers: Answers[ResultT],
        *,
        atomic: bool,
    ) -> list[ResultT]:
        """Record a batch, and reserve what it claims for subjects that lie elsewhere.

        Args:
            document: The batch.
            record: Records it on the partitions of its owners; takes how it is sent, and whether it
                is atomic.
            answers: Reads and makes results.
            atomic: Record all or none.

        Returns:
            The results, in the order of the items.

        Raises:
            LedgerError: As by record.
        """
        claims = claims_of(document)
        if not claims:
            return await record(document, Sending(), atomic)

        async def attempt(numbers: Sequence[int] | None = None) -> list[ResultT]:
            if numbers is None:
                return await self._record(document, claims, record, answers, atomic=atomic)
            mine = {number: claims[at] for number, at in enumerate(numbers)}
            part = items_at(document, numbers)
            return await self._record(part, mine, record, answers, atomic=False)

        until = time.monotonic() + PATIENCE
        followed = False
        while True:
            try:
                results = await attempt()
                break
            except ClaimNotReserved:
                if followed or not await self.follow():
                    raise
                followed = True
            except ClaimLimitReached as error:
                claim = claims.get(error.detail.get("position", 0) - 1)
                if claim is None or not is_limited(error) or time.monotonic() > until:
                    raise
                if not await self.unblock([claim]):
                    raise
        left = [at for at in claims if isinstance(answers.error_of(results[at]), ClaimNotReserved)]
        if left and await self.follow():
            for at, result in zip(left, await attempt(left), strict=True):
                results[at] = answers.repositioned(result, at + 1)
        while time.monotonic() < until:
            left = [at for at in claims if is_limited(answers.error_of(results[at]))]
            try:
                if not left or not await self.unblock(claims[at] for at in left):
                    break
            except PartitionUnavailable as error:
                for at in left:
                    results[at] = answers.refusal(error, at + 1)
                break
            for at, result in zip(left, await attempt(left), strict=True):
                results[at] = answers.repositioned(result, at + 1)
        return results

    async def _record(
        self,
        document: bytes,
        claims: Mapping[int, Claim],
        record: Callable[[bytes, Sending, bool], Awaitable[list[ResultT]]],
        answers: Answers[ResultT],
        *,
        atomic: bool,
        again: bool = True,
    ) -> list[ResultT]:
        claims = self.elsewhere(claims)
        if not claims:
            return await record(document, Sending(), atomic)
        reserved = await self.reserve(claims)
        sending = Sending()
        results: list[ResultT] = []
        try:
            sent = with_deadlines(document, deadlines_in(reserved))
            results = await record(sent, sending, atomic)
        except LedgerError as error:
            at = error.detail.get("position", 0) - 1
            said = said_of(error, sending)
            known = {} if said is None else dict.fromkeys(claims, said)
            late = await self.finish(claims, reserved, known)
            if at not in late or not again:
                refusal = refusal_instead(error, reserved.get(at))
                if refusal is error:
                    raise
                raise refusal from error
        else:
            known = {}
            for at in claims:
                error_at = answers.error_of(results[at])
                if error_at is None:
                    known[at] = "unknown" if answers.is_replay(results[at]) else "recorded"
                    continue
                if (said := said_of(error_at, sending)) is not None:
                    known[at] = said
                refusal = refusal_instead(error_at, reserved[at])
                if refusal is not error_at:
                    results[at] = answers.refusal(refusal, at + 1)
            late = await self.finish(claims, reserved, known)
            if not late or not again:
                return results

        # Their reservations were of an earlier period, or the first attempt took too long.
        if atomic:
            return await self._record(document, claims, record, answers, atomic=True, again=False)
        left = sorted(late)
        more = await self._record(
            items_at(document, left),
            {number: claims[at] for number, at in enumerate(left)},
            record,
            answers,
            atomic=False,
            again=False,
        )
        for at, result in zip(left, more, strict=True):
            results[at] = answers.repositioned(result, at + 1)
        return results

    # Before an entry is recorded

    async def reserve(self, claims: Mapping[int, Claim]) -> dict[int, Reserved]:
        """Reserve subjects.

        Args:
            claims: The claims, which are all `elsewhere`, by any number.

        Returns:
            By the same number, the deadline or the refusal of each.
        """
        reserved = await self._reserve_each(claims)
        moved = {at: c for at, c in claims.items() if isinstance(reserved[at], WrongPartition)}
        if moved:
            # Buckets were given to another partition, perhaps to that of the owner.
            await self._read_anew()
            reserved |= dict.fromkeys(moved)
            reserved |= await self._reserve_each(self.elsewhere(moved))
        return reserved

    async def reserve_patiently(self, claims: Mapping[int, Claim]) -> dict[int, Reserved]:
        """Reserve subjects, and `unblock` those whose limit is used up.

        A request that is tried again as a whole does better without: it may be refused anyway.
        """
        reserved: dict[int, Reserved] = {}
        left = dict(claims)
        until = time.monotonic() + PATIENCE
        while left:
            reserved |= await self.reserve(left)
            left = {at: claim for at, claim in left.items() if is_limited(reserved[at])}
            if not left or time.monotonic() > until:
                break
            try:
                if not await self.unblock(left.values()):
                    break
            except PartitionUnavailable as error:
                reserved |= dict.fromkeys(left, error)
                break
        return reserved

    async def _reserve_each(self, claims: Mapping[int, Claim]) -> dict[int, Reserved]:
        async def reserve(name: str) -> dict[int, Reserved]:
            mine = [at for at, claim in claims.items() if self._place(claim.claim_subject) == name]
            items = [_item_of(claims[at]) for at in mine]
            try:
                rows = await self._ask_to_reserve(name, lambda ledger: ledger.reserve_claims(items))
            except LedgerError as error:
                return dict.fromkeys(mine, error)
            return {mine[row.position - 1]: row.error or row.claim_deadline for row in rows}

        names = sorted({self._place(claim.claim_subject) for claim in claims.values()})
        answers = await call_each_async(reserve, names) if names else []
        return {at: found for answer in answers for at, found in answer.items()}

    async def unblock(self, claims: Iterable[Claim]) -> bool:
        """Find out whether a limit that is used up may be so only for a moment, and mend that.

        Requests that were never settled are settled, once they can be recorded no more. For those
        under way, a moment is waited.

        Args:
            claims: Claims that were refused because of their subjects.

        Returns:
            True if it is worth another try.

        Raises:
            PartitionUnavailable: It depends on a partition that does not know, or is away.
        """
        waiting = await self._unsettled(claims)
        if any(one.nonce is None for one in waiting):
            # That of a dry run is free because what took it was rolled back.
            return not self._dries
        overdue = [one for one in waiting if one.overdue]
        if overdue:
            owners = [one.owner_id or "" for one in overdue]
            outcomes = await self._outcomes(
                [(owner, _request_of(one)) for owner, one in zip(owners, overdue, strict=True)]
            )
            settled = await self.settle(
                [
                    Settlement(
                        one.claim_subject,
                        owner,
                        one.nonce or "",
                        outcome,
                        one.claim_deadline,
                        one.app,
                    )
                    for owner, one, outcome in zip(owners, overdue, outcomes, strict=True)
                ]
            )
            if "given_back" in settled:
                return True
            for owner, outcome, state, one in zip(owners, outcomes, settled, overdue, strict=True):
                if outcome in ("open", AWAY):
                    raise PartitionUnavailable.named(self._place(owner))
                if state == AWAY:
                    raise PartitionUnavailable.named(self._place(one.claim_subject))
        if len(overdue) < len(waiting):
            await pause_async(_POLL)
            return True
        return False

    async def _unsettled(self, claims: Iterable[Claim]) -> list[UnsettledClaim]:
        subjects = {(claim.operation, claim.claim_subject) for claim in claims}
        names = sorted({self._place(subject) for _, subject in subjects})

        async def ask(name: str) -> list[UnsettledClaim]:
            items = [
                {"app": self._app, "operation": operation, "claim_subject": subject}
                for operation, subject in sorted(subjects)
                if self._place(subject) == name
            ]
            found: list[UnsettledClaim] = await self._ask(
                name, lambda ledger: ledger.unsettled_claims(items)
            )
            return found

        return [one for found in await call_each_async(ask, names) for one in found]

    # After it

    async def finish(
        self,
        claims: Mapping[int, Claim],
        reserved: Mapping[int, Reserved],
        said: Mapping[int, Said],
        *,
        ended: bool = False,
    ) -> set[int]:
        """Settle reservations. What cannot be settled now, the same request or others settle later.

        Args:
            claims: The claims, by their numbers.
            reserved: What was reserved, by the same numbers.
            said: What became of the requests; of those that are not here, nothing is known.
            ended: The transaction of unknown requests has ended: those that it has not recorded are
                refused.

        Returns:
            The requests that were late because of their reservations, which are given back now.
        """
        if self._dries:
            return set()
        deadlines = {at: one for at, one in deadlines_in(reserved).items() if at in said}
        outcomes: dict[int, str] = {
            at: "refused" if said[at] == "late" else said[at] for at in deadlines
        }

        async def ask(numbers: Sequence[int]) -> None:
            found = await self._outcomes(
                [(claims[at].owner_id, self._asked(claims[at], deadlines[at])) for at in numbers]
            )
            outcomes.update(zip(numbers, found, strict=True))

        async def settle(numbers: Sequence[int]) -> dict[int, str]:
            states = await self.settle(
                [
                    Settlement(
                        claims[at].claim_subject,
                        claims[at].owner_id,
                        claims[at].nonce,
                        outcomes[at],
                        deadlines[at],
                    )
                    for at in numbers
                ]
            )
            return dict(zip(numbers, states, strict=True))

        unknown = [at for at in deadlines if said[at] == "unknown"]
        await ask(unknown)
        if ended:
            outcomes |= {at: "refused" for at in unknown if outcomes[at] in ("open", "lapsed")}
        states = await settle([*deadlines])
        late = [at for at, state in states.items() if said[at] == "late"]
        left = [at for at in late if states[at] == "reserved"]
        if left:
            # Of an earlier period, or of another attempt.
            await ask(left)
            states |= await settle(left)
        return {at for at in late if states[at] == "given_back"}

    async def settle(self, settlements: Sequence[Settlement]) -> list[str]:
        """Settle reservations.

        Args:
            settlements: What they are to become.

        Returns:
            What became of each; `AWAY` if its partition is away.
        """
        if not settlements:
            return []

        async def settle(name: str) -> dict[int, str]:
            places = [self._place(one.claim_subject) for one in settlements]
            mine = [number for number, place in enumerate(places) if place == name]
            items = [settlements[n].item for n in mine]
            try:
                rows = await self._ask(name, lambda ledger: ledger.settle_claims(items))
            except LedgerError:
                return dict.fromkeys(mine, AWAY)
            return {mine[row.position - 1]: row.settled for row in rows}

        names = sorted({self._place(one.claim_subject) for one in settlements})
        states = {n: s for found in await call_each_async(settle, names) for n, s in found.items()}
        return [states[number] for number in range(len(settlements))]

    async def free(self, freed: Iterable[tuple[str, str]]) -> None:
        """Give back what entries had claimed that were reversed with ``free_claim``.

        Args:
            freed: Their owners and nonces.
        """
        asked = [
            (owner_id, {"app": self._app, "owner_id": owner_id, "nonce": nonce})
            for owner_id, nonce in freed
        ]
        if not asked:
            return
        found = await self._outcomes_and_subjects(asked)
        await self.settle(
            [
                Settlement(subject, owner_id, item["nonce"], outcome)
                for (owner_id, item), (outcome, subject) in zip(asked, found, strict=True)
                if outcome == "freed"
                and subject is not None
                and self._place(subject) != self._place(owner_id)
            ]
        )

    async def _outcomes(self, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        return [outcome for outcome, _ in await self._outcomes_and_subjects(asked)]

    async def _outcomes_and_subjects(
        self, asked: Sequence[tuple[str, dict[str, Any]]]
    ) -> list[tuple[str, str | None]]:
        """Ask the partitions of owners what became of requests."""
        if not asked:
            return []

        async def ask(name: str) -> dict[int, tuple[str, str | None]]:
            mine = [n for n, (owner_id, _) in enumerate(asked) if self._place(owner_id) == name]
            items = [asked[n][1] for n in mine]
            try:
                rows = await self._ask(name, lambda ledger: ledger.claim_outcomes(items))
            except LedgerError:
                return dict.fromkeys(mine, (AWAY, None))
            return {mine[row.position - 1]: (row.outcome, row.claim_subject) for row in rows}

        names = sorted({self._place(owner_id) for owner_id, _ in asked})
        found = {n: one for part in await call_each_async(ask, names) for n, one in part.items()}
        return [found[number] for number in range(len(asked))]

    def _asked(self, claim: Claim, deadline: datetime) -> dict[str, Any]:
        return {"app": self._app, "claim_deadline": deadline, **_item_of(claim)}

    def _place(self, key: str) -> str:
        file = self._file()
        return file.partitions[file.number_of(key)].name


def _item_of(claim: Claim) -> dict[str, Any]:
    return msgspec.structs.asdict(claim)


def _request_of(claim: UnsettledClaim) -> dict[str, Any]:
    fields = msgspec.structs.asdict(claim)
    del fields["overdue"]
    return fields


class AsyncClaimingLedger(AsyncLedger):
    """The ledger on a partition, in a transaction of the caller; it reserves what is elsewhere.

    Args:
        conn: The connection.
        app: The app whose operations and nonces are used.
        claims: The reservations.
    """

    def __init__(self, conn: AsyncConnection[Any], *, app: str, claims: AsyncClaims) -> None:
        super().__init__(conn, app=app)
        self._claims = claims
        self._made: dict[int, Claim] = {}
        self._reserved: dict[int, Reserved] = {}
        self._freed: list[tuple[str, str]] = []

    async def settle(self) -> None:
        """Settle what was reserved, when the transaction has ended, one way or the other."""
        if self._made:
            said: dict[int, Said] = dict.fromkeys(self._made, "unknown")
            await self._claims.finish(self._made, self._reserved, said, ended=True)
        await self._claims.free(self._freed)

    async def _rows(self, function: SqlFunction, parameters: Mapping[str, object]) -> list[Any]:
        if function.name == "record_entry" and parameters["claim_subject"] is not None:
            return await self._record_one(function, parameters)
        if function.name == "record_entries":
            return await self._record_all(function, parameters)
        rows = await super()._rows(function, parameters)
        if function.name == "reverse_entry" and parameters["free_claim"]:
            self._freed.append((rows[0].owner_id, str(parameters["original_nonce"])))
        return rows

    async def _record_one(
        self, function: SqlFunction, parameters: Mapping[str, object]
    ) -> list[Any]:
        fields = {name: str(parameters[name]) for name in Claim.__struct_fields__}
        reserved = await self._reserve({0: Claim(**fields)})
        deadline = reserved.get(0)
        if deadline is not None and not isinstance(deadline, LedgerError):
            parameters = {**parameters, "claim_deadline": deadline}
        try:
            return await super()._rows(function, parameters)
        except LedgerError as error:
            if isinstance(error, ClaimNotReserved):
                await self._claims.follow()
            refusal = refusal_instead(error, deadline)
            if refusal is error:
                raise
            raise refusal from error

    async def _record_all(
        self, function: SqlFunction, parameters: Mapping[str, object]
    ) -> list[Any]:
        document = json_bytes(parameters["entries"])
        reserved = await self._reserve(claims_of(document))
        deadlines = deadlines_in(reserved)
        if deadlines:
            document = with_deadlines(document, deadlines)
            parameters = {**parameters, "entries": json_parameter(document)}
        try:
            rows = await super()._rows(function, parameters)
        except LedgerError as error:
            position = error.detail.get("position", 0)
            refusal = refusal_instead(error, reserved.get(position - 1))
            if refusal is error:
                raise
            raise refusal from error
        return [answer_instead(row, reserved.get(at)) for at, row in enumerate(rows)]

    async def _reserve(self, claims: Mapping[int, Claim]) -> dict[int, Reserved]:
        elsewhere = self._claims.elsewhere(claims)
        # A refusal ends the transaction: there is no second attempt.
        reserved = await self._claims.reserve_patiently(elsewhere)
        for at, claim in elsewhere.items():
            number = len(self._made)
            self._made[number] = claim
            self._reserved[number] = reserved[at]
        return reserved
