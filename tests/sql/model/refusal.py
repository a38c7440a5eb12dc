"""Refusals of the model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


class Refused(Exception):
    """A refusal: its SQLSTATE, and values that its detail must have."""

    def __init__(self, sqlstate: str, **detail: Any) -> None:
        super().__init__(sqlstate, detail)
        self.sqlstate = sqlstate
        self.detail = detail


def invalid(field: str) -> Refused:
    """Make the refusal of a malformed field."""
    return Refused("LG001", field=field)


def nonce_conflict(app: str, nonce: str) -> Refused:
    """Make the refusal of a different request under a used nonce."""
    return Refused("LG201", app=app, nonce=nonce)


def json_time(at: datetime | None) -> str | None:
    """Format a time as in the details of refusals."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
