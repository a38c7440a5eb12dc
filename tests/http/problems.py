"""Problems as answers."""

from __future__ import annotations

from typing import Any

import httpx


def assert_problem(
    response: httpx.Response, status: int, code: str, **values: Any
) -> dict[str, Any]:
    """Assert that a request was refused.

    Args:
        response: The answer.
        status: The status.
        code: The code of the problem.
        values: Further members of the problem.

    Returns:
        The problem.
    """
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/problems/{code}"
    assert problem["title"]
    assert problem["detail"]
    if status == 503:
        assert int(response.headers["retry-after"]) > 0
    assert problem.items() >= values.items()
    return problem
