"""`GET /problems/{code}`: what the `type` of a problem points to."""

from __future__ import annotations

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from ledger_py.http.problems import PROBLEM_TYPES, ProblemType

__all__ = ("problem_type", "problem_types")


@get("/problems", sync_to_thread=False)
def problem_types() -> list[ProblemType]:
    """List every kind of problem that the service answers with."""
    return list(PROBLEM_TYPES.values())


@get("/problems/{code:str}", sync_to_thread=False)
def problem_type(code: FromPath[str]) -> ProblemType:
    """Describe one kind of problem."""
    if code not in PROBLEM_TYPES:
        raise NotFoundException
    return PROBLEM_TYPES[code]
