"""Who may see the pages: one-time tokens, the cookie of a session, and tokens of forms.

There are no accounts. Whoever started the console has a token in the printed address, and gives it
away for a cookie. The process keeps hashes only, and forgets all sessions when it ends.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

__all__ = ("LIFE", "Access")

LIFE: Final = 12 * 3600.0
"""Seconds for which a token may be redeemed, and for which a session lasts then."""


class Access:
    """Tokens and sessions of one process.

    Args:
        clock: The time in seconds, which never runs back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._tokens: dict[bytes, float] = {}
        self._sessions: dict[bytes, float] = {}
        self._actors: dict[bytes, str] = {}

    def new_token(self) -> str:
        """Make a token that opens one session."""
        return self._new(self._tokens)

    def redeem(self, token: str) -> str | None:
        """Take a token for a session.

        Args:
            token: As a caller sent it.

        Returns:
            The secret of the session, or None if there is no such token, or none any more.
        """
        ends = self._tokens.pop(_digest(token), 0.0)
        return self._new(self._sessions) if self._clock() < ends else None

    def is_session(self, secret: str | None) -> bool:
        """Tell whether a secret is that of a session that goes on."""
        return secret is not None and self._clock() < self._sessions.get(_digest(secret), 0.0)

    def end(self, secret: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(secret), None)
        self._actors.pop(_digest(secret), None)

    def remember_actor(self, secret: str, actor: str) -> None:
        """Keep the name that an operator gave, until the session ends."""
        self._actors[_digest(secret)] = actor

    def actor_of(self, secret: str) -> str:
        """Return the name that the operator of a session gave last; empty if there is none."""
        return self._actors.get(_digest(secret), "")

    def form_token(self, secret: str) -> str:
        """Return what forms must send along with the cookie that holds this secret.

        A page of another site can make a browser send the cookie, but it cannot read a form.
        """
        return hmac.new(self._key, secret.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, secret: str, given: str) -> bool:
        """Compare what a form sent with the cookie that came along."""
        return hmac.compare_digest(self.form_token(secret).encode(), given.encode())

    def _new(self, kept: dict[bytes, float]) -> str:
        for known, ends in list(kept.items()):
            if ends <= self._clock():
                del kept[known]
                self._actors.pop(known, None)
        secret = secrets.token_urlsafe(32)
        kept[_digest(secret)] = self._clock() + LIFE
        return secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
