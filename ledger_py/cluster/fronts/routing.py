"""Which partitions a function or a view of a front asks. The only list of them."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from ledger_py.cluster.fronts.interface import Function, Relation

__all__ = (
    "NONCE_OF",
    "ORDER_OF",
    "OWNERS",
    "Route",
    "instead_of",
    "route_of",
    "route_of_relation",
)


class Route(Enum):
    """Whom to ask."""

    OWNER = auto()
    """The partition of the owner; of a transfer, that of the sender."""
    NONCE = auto()
    """The partition of the owner, or without one the partition that has the nonce."""
    FIRST = auto()
    """Any: the catalogue is the same on all. The first one that answers."""
    ALL = auto()
    """All; `ORDER_OF` says in which order their rows come."""
    SUM = auto()
    """All; their numbers are added up. No owner is on two of them."""
    OWN = auto()
    """As a function of `sql/fronts/front/` says."""
    INSIDE = auto()
    """The partition that a function of `sql/fronts/front/` names; refused to callers."""
    NONE = auto()
    """Nobody: it makes no sense over all partitions."""


NONCE_OF: Final = {
    "change_allowance": ("allowance", "allowance_nonce"),
    "end_allowance": ("allowance", "allowance_nonce"),
    "end_allowance_by_hand": ("allowance", "allowance_nonce"),
    "capture_hold": ("hold", "hold_nonce"),
    "extend_hold": ("hold", "hold_nonce"),
    "grow_hold": ("hold", "hold_nonce"),
    "release_hold": ("hold", "hold_nonce"),
    "reverse_by_hand": ("entry", "original_nonce"),
    "reverse_entry": ("entry", "original_nonce"),
}
"""What the nonce in a parameter is of, as `ledger.find` calls it, and the parameter."""

OWNERS: Final = ("owner_id", "from_owner_id")
"""The parameters that name the owner whose partition is asked."""

_FUNCTIONS: Final = {
    "claim_outcomes": Route.INSIDE,
    "entries_after": Route.OWN,
    "expire_credits": Route.SUM,
    "feed_lag": Route.ALL,
    "find": Route.ALL,
    "installed_files": Route.FIRST,
    "liability": Route.SUM,
    "operations_of": Route.FIRST,
    "record_entries": Route.OWN,
    "reserve_claims": Route.INSIDE,
    "settle_claims": Route.INSIDE,
    "unsettled_claims": Route.INSIDE,
    **dict.fromkeys(NONCE_OF, Route.NONCE),
}
_RELATIONS: Final = {
    "app_operations": Route.FIRST,
    "app_prices": Route.FIRST,
    "app_roles": Route.FIRST,
    "app_usage": Route.SUM,
    "apps": Route.FIRST,
    "budget_definitions": Route.FIRST,
    "operation_changes": Route.FIRST,
    "operation_prices": Route.FIRST,
    "operation_sets": Route.FIRST,
    "operations": Route.FIRST,
    "trial_balance": Route.SUM,
}

ORDER_OF: Final = {
    # As each partition orders them: the best first.
    # A number that is no limit is refused by the partitions.
    "find": "(answer::json ->> 'ordinality')::integer LIMIT greatest($2, 1)",
    # The partition that is behind most.
    "feed_lag": "answered.waiting_since LIMIT 1",
}
"""The order of the rows of all partitions, and how many are wanted."""

_CHANGE: Final = "Use `ledger cluster change`, which changes all partitions or none."
_PROVE: Final = "Use `ledger cluster verify`, which recomputes every partition and what spans them."
_CLAIM: Final = "Record the entry: a front reserves its claim subject by itself."
_PARTITION: Final = "Ask the partition: `ledger cluster status` tells its address."
_INSTEAD: Final = {
    "accounts": "Use ledger.balance(owner_id), or ask a partition.",
    "account_balances": "Use ledger.balance(owner_id), or ask a partition.",
    "allow_operation": _CHANGE,
    "allowance_entries": "Use ledger.entries_of(owner_id), or ask a partition.",
    "allowance_events": "Use ledger.allowances_of(owner_id), or ask a partition.",
    "allowances": "Use ledger.allowances_of(owner_id), or ask a partition.",
    "bind_role": _CHANGE,
    "budget_use": "Use ledger.budgets_of(owner_id), or ask a partition.",
    "budgets": "Use ledger.budgets_of(owner_id), or ask a partition.",
    "checkpoint": "Use `ledger cluster checkpoint`, which takes one of each partition.",
    "claim_outcomes": _CLAIM,
    "claims": "Use ledger.claims_of(owner_id), or ask a partition.",
    "define_budget": _CHANGE,
    "define_operation": _CHANGE,
    "entries": "Use ledger.entries_of(owner_id), or ask a partition.",
    "entry_journal": "Use ledger.entries_of(owner_id), or ask a partition.",
    "holds": "Use ledger.holds_of(owner_id), or ask a partition.",
    "lots": "Use ledger.lots_of(owner_id), or ask a partition.",
    "open_holds": "Use ledger.holds_of(owner_id, status => 'open'), or ask a partition.",
    "register_app": _CHANGE,
    "reserve_claims": _CLAIM,
    "retire_operation": _CHANGE,
    "settle_claims": _CLAIM,
    "unbind_role": _CHANGE,
    "undefine_budget": _CHANGE,
    "unsettled_claims": _CLAIM,
    "verify": f"Name an owner. {_PROVE}",
    "verify_checkpoint": _PROVE,
    "verify_range": _PROVE,
    "verify_ranges": _PROVE,
}


def route_of(function: Function) -> Route:
    """Return whom a function asks: what has an owner asks its partition, unless said otherwise."""
    said = _FUNCTIONS.get(function.name)
    if said is not None:
        return said
    return Route.OWNER if any(name in OWNERS for name in function.names) else Route.NONE


def route_of_relation(relation: Relation) -> Route:
    """Return whom a table or view asks."""
    return _RELATIONS.get(relation.name, Route.NONE)


def instead_of(name: str) -> str:
    """Return what to do instead of using a function or view that a front does not have."""
    return _INSTEAD.get(name, _PARTITION)
