"""The operations that the app may record, and the kinds of problems that it answers with."""

from __future__ import annotations

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import UnknownApp
from ledger_py.http.problems import PROBLEM_TYPES, Problem, ProblemType
from ledger_py.http.routing import Route
from ledger_py.http.schemas import OperationList, ProblemPath


@Route("GET", "/operations", tag="catalogue", answers="The operations", refuses=(UnknownApp,))
async def operations(ledger: AsyncLedger) -> OperationList:
    """List the app's operations with their rules.

    Only these may be recorded. The rules are those of the database at this moment: the bounds of
    the amount, the default amount, the claim limit, and how long credits last.
    """
    return OperationList(app=ledger.app, operations=await ledger.operations_of())


@Route("GET", "/problems", tag="catalogue", answers="The kinds")
async def problem_types() -> list[ProblemType]:
    """List every kind of problem.

    The `code` of an answer that is not a success is one of these.
    """
    return list(PROBLEM_TYPES.values())


@Route("GET", "/problems/{code}", tag="catalogue", answers="The kind", refuses=("not_found",))
async def problem_type(at: ProblemPath) -> ProblemType:
    """Describe one kind of problem.

    This is the page that `type` of a problem points to.
    """
    if at.code not in PROBLEM_TYPES:
        raise Problem("not_found")
    return PROBLEM_TYPES[at.code]
