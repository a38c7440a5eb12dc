"""Budgets: the most that may be spent and held in a period."""

from __future__ import annotations

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import BudgetNotFound, UnknownOperation
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    AccountPath,
    AccountQuery,
    BudgetPath,
    BudgetRequest,
    Budgets,
    DropQuery,
)
from ledger_py.structs import Budget


@Route("GET", "/ledger/{owner_id}/budgets", answers="The budgets")
async def budgets(ledger: AsyncLedger, at: AccountPath, query: AccountQuery) -> Budgets:
    """List the budgets that an owner is under, and how far they are used up.

    The owner's own budgets, and those of every owner that these do not replace, by name. A budget
    of each spender (`*`) has a row more for each who has used some of it in this period.
    """
    found = await ledger.budgets_of(owner_id=at.owner_id, asset=query.asset)
    return Budgets(owner_id=at.owner_id, asset=query.asset, budgets=found)


@Route(
    "PUT",
    "/ledger/{owner_id}/budgets/{budget}",
    answers="The budget",
    refuses=(UnknownOperation,),
    about="owner_id",
)
async def set_budget(ledger: AsyncLedger, at: BudgetPath, body: BudgetRequest, app: str) -> Budget:
    """Set the most that an owner may spend and hold in a period, or change it.

    It counts what is spent in this app, also what was spent in the period already. The login of the
    service must be allowed to set budgets. The request needs no nonce: it may be repeated.
    """
    return await ledger.set_budget(
        owner_id=at.owner_id,
        budget=at.budget,
        most=body.most,
        period=body.period,
        actor=body.actor,
        reason=body.reason,
        asset=body.asset,
        app=app,
        operation=body.operation,
        spender=body.spender,
        time_zone=body.time_zone,
    )


@Route(
    "DELETE",
    "/ledger/{owner_id}/budgets/{budget}",
    answers="The budgets that are left",
    refuses=(BudgetNotFound,),
    about="owner_id",
)
async def drop_budget(ledger: AsyncLedger, at: BudgetPath, query: DropQuery) -> Budgets:
    """Drop a budget of the owner's own.

    That of every owner of the same name, if there is one, is in force again.
    """
    await ledger.drop_budget(
        owner_id=at.owner_id,
        budget=at.budget,
        actor=query.actor,
        reason=query.reason,
        asset=query.asset,
        spender=query.spender,
    )
    found = await ledger.budgets_of(owner_id=at.owner_id, asset=query.asset)
    return Budgets(owner_id=at.owner_id, asset=query.asset, budgets=found)
