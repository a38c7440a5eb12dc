"""Values for parameters of the functions: meaningful ones and hostile ones."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

__all__ = ("arguments_of",)

Values: TypeAlias = st.SearchStrategy[Any]

_NAMES: Final = {
    "app": ["app1", "app2", "ledger"],
    "owner_id": ["alice", "bob", "carol", "frozen"],
    "operation": [
        *("CREDIT_ADD", "CREDIT_SPEND", "DAILY_REWARD", "SIGNUP_CREDIT", "CONTENT_ACCESS"),
        *("PLAN_ALLOWANCE", "TOKENS_USED", "ADJUSTMENT", "EXPIRY", "REVERSAL", "NEW_ONE"),
    ],
    "asset": ["CREDIT", "COIN"],
    "nonce": ["n-1", "n-2", "n-3", "fresh", "h-1"],
    "original_nonce": ["n-add", "n-spend", "n-claim", "n-lot", "h-1"],
    "hold_nonce": ["h-1", "h-2", "h-done", "n-add"],
    "status": ["open", "captured", "released", "expired"],
    "claim_period": ["ever", "day", "week", "month"],
    "claim_scope": ["owner", "owner_and_app"],
    "claim_time_zone": ["UTC", "Europe/Berlin", "EST5EDT", "+05:30", "posixrules"],
    "cursor": ["0-0", "1-1", "9999999999999999999-999999999999999999"],
    "horizon": ["0", "1000000", "9999999999999999999"],
    "digest": ["0" * 64],
    "role": ["ledger_app", "ledger_auditor", "ledger_operator", "pg_monitor", "pg_database_owner"],
}
KNOWN: Final = {name: st.sampled_from(values) for name, values in _NAMES.items()}
"""Meaningful values by parameter. The test records entries and holds with these names."""

# All characters of a PostgreSQL text: no NUL, no surrogates.
_CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
_TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", " ", "'", '"', "\\", "\\'", "%", "%s", "%1$s", "$1", ":x", "$$", "/*", "--", ";"),
            *("'; DROP TABLE ledger.entries; --", "null", "NaN", "infinity", "1e400", "-0", "{}"),
            *("\n", "\r\n", "\t", "\x01", "\x7f", "\ufeff", "\u202e", "\uffff", "\U0010ffff"),
            *(
                "e\u0301",
                "\u00e9",
                "\u0130",
                "\u00df",
                "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            ),
            *("x" * 255, "x" * 256, "\U0001f600" * 255, "\U0010ffff" * 256, "x" * 100_000),
            *("9223372036854775807", "9223372036854775808", "99999999999999999999", "-1", "1-2-3"),
            *("ADD\n", "CREDIT\n", "app1 ", "APP1", "pg_catalog", "public", "2030-02-31"),
        ]
    ),
    st.text(_CHARACTERS, max_size=20),
    st.text(_CHARACTERS, min_size=200, max_size=300),
)

_EDGES = [0, 1, -1, 2, -3, 10, 64, 2**53 - 1, 2**53, 1 - 2**53, -(2**53), 10**9, 10**9 + 1]


def _integers(bits: int) -> Values:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    edges = [*_EDGES, low, low + 1, high, high - 1]
    return st.one_of(
        st.sampled_from([edge for edge in edges if low <= edge <= high]),
        st.integers(-20, 20),
        st.integers(low, high),
    )


_INTERVALS = st.one_of(
    st.sampled_from(
        [
            *(
                "0",
                "1 microsecond",
                "-1 microsecond",
                "15 minutes",
                "366 days",
                "366 days 1 second",
            ),
            *("12 months", "1 month -31 days", "-1 month 40 days", "100 years", "100 years 1 day"),
            *("178000000 years", "-178000000 years", "2147483647 days", "-2147483648 days"),
            *("2147483647 months -2147483648 days", "2562047788 hours", "-2562047788 hours"),
        ]
    ),
    st.builds(
        "{} months {} days {} microseconds".format,
        *(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(-(2**31) + 1, 2**31 - 1)),
        st.integers(-(2**62), 2**62),
    ),
)

_TIMES = st.one_of(
    st.sampled_from(
        [
            *("infinity", "-infinity", "epoch", "now", "4714-11-24 00:00:00+00 BC"),
            *("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "10000-01-01 00:00:00+00"),
            *(
                "294276-12-31 23:59:59.999999+00",
                "2030-01-01 00:00:00+15:59",
                "1900-01-01 00:00:00+00",
            ),
        ]
    ),
    st.datetimes(timezones=st.just(UTC)).map(str),
)

# Times as callers may write them in JSON, some of them out of PostgreSQL's range.
_TIME_TEXTS = st.one_of(
    st.sampled_from(
        [
            *("2030-01-01T00:00:00Z", "2030-02-31T00:00:00Z", "2030-01-01T24:00:00Z"),
            *(
                "2030-01-01T00:00:00+15:59",
                "2030-01-01T00:00:00+16:00",
                "2030-01-01T00:00:00-23:59",
            ),
            *("2030-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
            *("2030-13-01T00:00:00Z", "2030-01-01T00:00:00.1234567Z", "294277-01-01T00:00:00Z"),
            *("infinity", "now", "2030-01-01", "20300101T000000Z", "2030-01-01 00:00:00+00"),
        ]
    ),
    st.datetimes().map(lambda at: at.isoformat() + "+20:49"),
)

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXTS,
)
_JSON = st.one_of(
    _SCALARS,
    st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(_CHARACTERS, max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    ),
)


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


_METADATA = st.one_of(
    st.just({}),
    st.dictionaries(st.text(_CHARACTERS, max_size=5), _JSON, max_size=3),
    st.sampled_from(
        [{"a": "x" * 16_300}, {"a": "x" * 16_400}, _nested(63), _nested(64), _nested(900)]
    ),
    _JSON,
)

_ITEM = {
    "owner_id": (KNOWN["owner_id"], _TEXTS),
    "operation": (KNOWN["operation"], _TEXTS),
    "nonce": (KNOWN["nonce"] | st.text(_CHARACTERS, min_size=1, max_size=5), _TEXTS),
    "amount": (st.none(), _integers(64)),
    "metadata": (st.none(), _METADATA),
    "expires_at": (st.none(), _TIME_TEXTS),
    "claim_subject": (st.none(), _TEXTS),
    "spender": (st.none(), _TEXTS),
    "quantity": (st.none(), _integers(64)),
}


def _mostly_usual(fields: dict[str, tuple[Values, Values]]) -> st.SearchStrategy[dict[str, Any]]:
    """Make values with mostly one hostile one. Of several, only the first would be checked."""
    if not fields:
        return st.just({})
    usual = {name: values[0] for name, values in fields.items()}
    one_hurts = [
        st.fixed_dictionaries({**usual, name: hostile}) for name, (_, hostile) in fields.items()
    ]
    anything = {name: st.one_of(*values, st.none()) for name, values in fields.items()}
    return st.one_of(st.fixed_dictionaries(usual), *one_hurts, st.fixed_dictionaries(anything))


_PLAIN_ITEMS = _mostly_usual(_ITEM)
_ANY_ITEMS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            **{name: _SCALARS | usual for name, (usual, _) in _ITEM.items()},
            "unknown": _SCALARS,
        },
    ),
    _JSON,
)
_ENTRIES = st.one_of(
    st.lists(_PLAIN_ITEMS, max_size=5),
    st.lists(_PLAIN_ITEMS, max_size=5),
    st.lists(_PLAIN_ITEMS | _ANY_ITEMS, max_size=5),
    _JSON,
)

# By type: usual values for parameters not listed by name, and hostile values.
_BY_TYPE: Final[dict[str, tuple[Values, Values]]] = {
    "text": (st.just("a word"), _TEXTS),
    "text[]": (st.none(), st.lists(_TEXTS | st.none(), max_size=3)),
    "bigint": (st.sampled_from([None, 1, -3, 10]), _integers(64)),
    "integer": (st.integers(1, 10), _integers(32)),
    "boolean": (st.booleans(), st.booleans()),
    "interval": (st.sampled_from(["15 minutes", "1 month"]), _INTERVALS),
    "timestamp with time zone": (st.sampled_from(["2020-01-01 00:00:00+00", "now"]), _TIMES),
    "jsonb": (st.none(), _METADATA.map(json.dumps)),
}


def _values_of(name: str, type_: str) -> tuple[Values, Values]:
    if name == "entries":
        return st.lists(_PLAIN_ITEMS, max_size=3).map(json.dumps), _ENTRIES.map(json.dumps)
    usual, hostile = _BY_TYPE[type_]
    return KNOWN.get(name, usual), hostile | st.none()


def arguments_of(parameters: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """Generate arguments for a function.

    Args:
        parameters: The function's parameters with their types as SQL writes them.

    Returns:
        Arguments by name, as psycopg sends them when the call casts them to these types.
    """
    return _mostly_usual({name: _values_of(name, type_) for name, type_ in parameters.items()})
