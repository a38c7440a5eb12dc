"""The SQL of the pages. Each page shows its statements to its readers, with their values.

All of them are bounded: by an index and a LIMIT, or else by the limit on time of the transaction.
"""

from __future__ import annotations

from typing import Final

__all__ = (
    "ACCOUNTS",
    "ACTIONS",
    "ACTIVITY",
    "ADJUST",
    "ALLOWANCES",
    "APPS",
    "APP_PRICES",
    "ASSETS",
    "BALANCE",
    "CLAIMS",
    "ENDED_HOLDS",
    "END_ALLOWANCE",
    "ENTRIES",
    "FEED",
    "FIND",
    "FORECAST",
    "FREEZE",
    "GENERATION",
    "HOLDS",
    "LARGEST",
    "LIABILITY",
    "LIABILITY_BY_CLASS",
    "LOTS",
    "MORE_LOTS",
    "OLD_HOLDS",
    "OPERATIONS",
    "PRICES",
    "PROOFS",
    "SET_FLOOR",
    "STATE",
    "TIMELINE",
    "TO_END",
    "TRIAL_BALANCE",
    "UNFREEZE",
    "VERIFY",
)

GENERATION: Final = """
SELECT generation, begun_at, reason
FROM ledger.generations
ORDER BY generation DESC
LIMIT 1
"""

PROOFS: Final = """
SELECT DISTINCT ON (kind) kind, role_name, noted_at, discrepancies
FROM ledger.proofs
ORDER BY kind DESC, noted_at DESC
"""

TRIAL_BALANCE: Final = """
SELECT *, clock_timestamp() AS as_of
FROM ledger.trial_balance
ORDER BY asset
LIMIT 200
"""

ASSETS: Final = """
SELECT DISTINCT asset
FROM ledger.operations
ORDER BY asset
LIMIT 200
"""

LIABILITY: Final = """
SELECT *
FROM ledger.liability(
    since => date_trunc(%(by)s, now() AT TIME ZONE 'UTC' - %(back)s::interval) AT TIME ZONE 'UTC',
    asset => %(asset)s,
    by => %(by)s
)
"""

# The periods as a whole, and what of them is of each class.
LIABILITY_BY_CLASS: Final = """
SELECT
    period_start,
    period_end,
    credit_class,
    grouping(credit_class) = 1 AS is_whole,
    sum(opening) AS opening,
    sum(issued) AS issued,
    sum(carried_over) AS carried_over,
    sum(spent) AS spent,
    sum(expired) AS expired,
    sum(forfeited) AS forfeited,
    sum(reversed) AS reversed,
    sum(adjusted) AS adjusted,
    sum(transferred) AS transferred,
    sum(closing) AS closing
FROM ledger.liability(
    since => date_trunc(%(by)s, now() AT TIME ZONE 'UTC' - %(back)s::interval) AT TIME ZONE 'UTC',
    asset => %(asset)s,
    by => %(by)s,
    by_class => TRUE
)
GROUP BY GROUPING SETS ((period_start, period_end), (period_start, period_end, credit_class))
ORDER BY period_start, is_whole DESC, credit_class DESC
"""

# The newest entries by the index on xact_id, which is nearly the order of time. Ids of an older
# generation may lie above those of today.
ACTIVITY: Final = """
WITH newest AS (
    SELECT recorded_at, asset, app, operation, amount, peer_owner_id
    FROM ledger.entries
    WHERE xact_id < pg_snapshot_xmax(pg_current_snapshot())
    ORDER BY xact_id DESC
    LIMIT %(most)s
),

used AS (
    SELECT
        recorded_at::date AS day,
        asset,
        app,
        operation,
        amount > 0 AS is_credit,
        peer_owner_id IS NOT NULL AS is_between_owners,
        count(*) AS entries,
        sum(amount) AS amount,
        min(recorded_at) AS first_at
    FROM newest
    WHERE recorded_at >= current_date - 29
    GROUP BY recorded_at::date, asset, app, operation, amount > 0, peer_owner_id IS NOT NULL
)

SELECT
    day,
    asset,
    app,
    grouping(app) = 1 AND grouping(asset) = 0 AS is_day,
    grouping(app) = 0 AS is_app,
    coalesce(sum(entries), 0)::bigint AS entries,
    min(first_at) AS first_at,
    coalesce(sum(amount) FILTER (
        WHERE is_credit AND NOT is_between_owners
            AND operation NOT IN ('ADJUSTMENT', 'CARRY_OVER', 'REVERSAL')
    ), 0)::bigint AS issued,
    coalesce(sum(amount) FILTER (
        WHERE NOT is_credit AND NOT is_between_owners
            AND operation NOT IN ('ADJUSTMENT', 'EXPIRY', 'FORFEITURE', 'REVERSAL')
    ), 0)::bigint AS spent,
    -- What of an allowance has expired and goes on has not expired after all.
    coalesce(sum(amount) FILTER (
        WHERE operation IN ('EXPIRY', 'CARRY_OVER', 'FORFEITURE')
    ), 0)::bigint AS expired
FROM used
GROUP BY GROUPING SETS ((day, asset), (app, asset), ())
ORDER BY day, app, asset
"""

LARGEST: Final = """
WITH newest AS (
    SELECT recorded_at, owner_id, asset, seq, app, operation, amount, balance_after
    FROM ledger.entries
    WHERE xact_id < pg_snapshot_xmax(pg_current_snapshot())
    ORDER BY xact_id DESC
    LIMIT %(most)s
)

SELECT recorded_at, owner_id, asset, seq, app, operation, amount, balance_after
FROM newest
WHERE recorded_at >= now() - interval '1 day'
ORDER BY abs(amount) DESC, recorded_at DESC
LIMIT 10
"""

APPS: Final = """
SELECT
    apps.app,
    apps.description,
    count(app_operations.operation) AS operations
FROM ledger.apps
LEFT JOIN ledger.app_operations ON apps.app = app_operations.app
GROUP BY apps.app
ORDER BY apps.app
LIMIT 201
"""

OLD_HOLDS: Final = """
SELECT owner_id, asset, app, operation, nonce, remaining, placed_at, expires_at
FROM ledger.open_holds
WHERE placed_at < now() - interval '1 hour'
ORDER BY placed_at
LIMIT 21
"""

FEED: Final = (
    "SELECT waiting_since, seconds_behind, pid, role_name, began_at, state FROM ledger.feed_lag()"
)

ACCOUNTS: Final = """
SELECT asset, min_balance, debt, frozen_at, last_seq, moved_to
FROM ledger.accounts
WHERE owner_id = %(owner_id)s
ORDER BY asset
LIMIT 200
"""

BALANCE: Final = """
SELECT *, clock_timestamp() AS as_of
FROM ledger.balance(owner_id => %(owner_id)s, asset => %(asset)s)
"""

ENTRIES: Final = """
SELECT
    entries.seq,
    entries.recorded_at,
    entries.app,
    entries.operation,
    entries.amount,
    entries.balance_after,
    entries.nonce,
    left(jsonb_pretty(entries.metadata), 10000) AS metadata,
    entries.expires_at,
    entries.claim_subject,
    entries.hold_nonce,
    entries.reverses_seq,
    entries.entry_id,
    entries.spender,
    entries.quantity,
    entries.unit_amount,
    entries.unit_size,
    entries.rounding,
    entries.overdrawn,
    entries.peer_owner_id,
    entries.peer_seq,
    reversals.amount AS reversed_amount,
    reversals.first_seq AS reversed_by,
    reversals.entries AS reversed_times,
    actions.actor,
    actions.reason
FROM ledger.entries
LEFT JOIN LATERAL (
    SELECT
        sum(abs(reversal.amount))::bigint AS amount,
        min(reversal.seq) AS first_seq,
        count(*) AS entries
    FROM ledger.entries AS reversal
    WHERE reversal.owner_id = entries.owner_id
        AND reversal.asset = entries.asset
        AND reversal.reverses_seq = entries.seq
) AS reversals ON TRUE
LEFT JOIN ledger.operator_actions AS actions
    ON actions.owner_id = entries.owner_id
    AND actions.asset = entries.asset
    AND actions.seq = entries.seq
WHERE entries.owner_id = %(owner_id)s
    AND entries.asset = %(asset)s
    AND entries.seq < %(before)s
ORDER BY entries.seq DESC
LIMIT %(most)s
"""

TIMELINE: Final = """
SELECT at, balance, held, seq
FROM ledger.timeline(
    owner_id => %(owner_id)s, asset => %(asset)s, since => now() - %(span)s::interval, points => 500
)
"""

FORECAST: Final = """
SELECT at, kind, amount, balance, held, seq, app, operation, nonce
FROM ledger.forecast(owner_id => %(owner_id)s, asset => %(asset)s, max_rows => %(most)s)
"""

LOTS: Final = """
SELECT
    seq, app, operation, nonce, amount, remaining, held, expires_at, recorded_at, credit_class,
    priority, usable_for, usable_in
FROM ledger.lots_of(owner_id => %(owner_id)s, asset => %(asset)s, max_rows => %(most)s)
"""

PARTS: Final = """
SELECT credit_class, usable_for, usable_in, expires_at, priority, amount, held
FROM ledger.balance_parts(owner_id => %(owner_id)s, asset => %(asset)s)
LIMIT %(most)s
"""

MORE_LOTS: Final = """
SELECT count(*) AS lots
FROM ledger.lots_of(
    owner_id => %(owner_id)s, asset => %(asset)s, after_seq => %(after_seq)s, max_rows => 1000
)
"""

ENDED_HOLDS: Final = """
SELECT app, operation, nonce, amount, captured, status, placed_at, closed_at
FROM ledger.holds_of(owner_id => %(owner_id)s, asset => %(asset)s, max_rows => 200)
WHERE status <> 'open'
ORDER BY closed_at DESC
LIMIT 20
"""

FIND: Final = """
SELECT kind, owner_id, asset, seq, found
FROM ledger.find(text => %(text)s, max_rows => %(most)s)
"""

HOLDS: Final = """
SELECT
    app, operation, nonce, amount, captured, remaining, placed_at, expires_at,
    left(jsonb_pretty(metadata), 10000) AS metadata,
    (
        SELECT sum(grown.amount)::bigint FROM ledger.hold_growths AS grown
        WHERE grown.owner_id = open_holds.owner_id AND grown.app = open_holds.app
            AND grown.hold_nonce = open_holds.nonce
    ) AS grown_by
FROM ledger.open_holds
WHERE owner_id = %(owner_id)s AND asset = %(asset)s
ORDER BY expires_at, app, nonce
LIMIT %(most)s
"""

CLAIMS: Final = """
SELECT *, clock_timestamp() AS as_of
FROM ledger.claims_of(owner_id => %(owner_id)s, asset => %(asset)s)
LIMIT 200
"""

ALLOWANCES: Final = """
SELECT
    app, operation, nonce, amount, period, time_zone, starts_at, carry_over_most, carry_over_for,
    occurrences, ends_at, status, next_at
FROM ledger.allowances_of(owner_id => %(owner_id)s, asset => %(asset)s)
LIMIT %(most)s
"""

BUDGETS: Final = """
SELECT budget, spender, most, period, app, operation, time_zone, own, spent, held, resets_at
FROM ledger.budgets_of(owner_id => %(owner_id)s, asset => %(asset)s)
LIMIT %(most)s
"""

ACTIONS: Final = """
SELECT action_seq, acted_at, role_name, actor, action, reason, seq, before, after
FROM ledger.operator_actions
WHERE owner_id = %(owner_id)s AND asset = %(asset)s
ORDER BY action_seq DESC
LIMIT %(most)s
"""

VERIFY: Final = """
SELECT problem, found_in, owner_id, asset, seq, detail::text AS detail
FROM ledger.verify(owner_id => %(owner_id)s)
LIMIT 201
"""

OPERATIONS: Final = """
SELECT
    operation, shared, asset, default_amount, min_amount, max_amount, claim_limit, claim_period,
    claim_scope, claim_time_zone, expires_after::text AS expires_after, description, retired_at,
    unit_amount, unit_size, rounding, max_debt, credit_class, priority, usable_for, usable_in,
    transferable,
    (
        SELECT array_agg(app_operations.app ORDER BY app_operations.app)
        FROM ledger.app_operations
        WHERE app_operations.operation = operations.operation
    ) AS apps
FROM ledger.operations
ORDER BY retired_at IS NOT NULL, NOT shared, operation
LIMIT 201
"""

PRICES: Final = """
SELECT
    operation, app, change, default_amount, min_amount, max_amount, valid_from, valid_until,
    changed_by, unit_amount, unit_size, rounding
FROM ledger.operation_prices
WHERE %(operation)s::text IS NULL OR operation = %(operation)s
ORDER BY valid_from DESC, operation, app
LIMIT %(most)s
"""

APP_PRICES: Final = """
SELECT
    app, default_amount, min_amount, max_amount, valid_from, valid_until, unit_amount, unit_size,
    rounding
FROM ledger.app_prices
WHERE operation = %(operation)s
ORDER BY app, valid_from DESC
LIMIT %(most)s
"""

STATE: Final = """
SELECT
    balance.balance,
    balance.held,
    balance.available,
    coalesce(accounts.min_balance, 0) AS min_balance,
    accounts.frozen_at IS NOT NULL AS frozen,
    accounts.owner_id IS NOT NULL AS known
FROM ledger.balance(owner_id => %(owner_id)s, asset => %(asset)s) AS balance
LEFT JOIN ledger.accounts
    ON accounts.owner_id = %(owner_id)s AND accounts.asset = %(asset)s
"""

TO_REVERSE: Final = """
SELECT
    entries.seq,
    entries.recorded_at,
    entries.app,
    entries.operation,
    entries.amount,
    entries.nonce,
    (
        SELECT sum(abs(reversals.amount))::bigint
        FROM ledger.entries AS reversals
        WHERE reversals.owner_id = entries.owner_id
            AND reversals.asset = entries.asset
            AND reversals.reverses_seq = entries.seq
    ) AS reversed,
    EXISTS (
        SELECT 1 FROM ledger.claims
        WHERE claims.owner_id = entries.owner_id
            AND claims.asset = entries.asset
            AND claims.seq = entries.seq
    ) AS claimed
FROM ledger.entries
WHERE entries.owner_id = %(owner_id)s
    AND entries.asset = %(asset)s
    AND entries.seq = %(seq)s
"""

REVERSE: Final = """
SELECT seq, amount, balance, replayed
FROM ledger.reverse_by_hand(
    app => %(app)s,
    nonce => %(nonce)s,
    original_nonce => %(original_nonce)s,
    actor => %(actor)s,
    reason => %(reason)s,
    amount => %(amount)s,
    free_claim => %(free_claim)s
)
"""

ADJUST: Final = """
SELECT seq, amount, balance, replayed
FROM ledger.adjust_balance(
    owner_id => %(owner_id)s,
    amount => %(amount)s,
    nonce => %(nonce)s,
    actor => %(actor)s,
    reason => %(reason)s,
    asset => %(asset)s
)
"""

TO_END: Final = """
SELECT
    app, operation, nonce, amount, period, time_zone, carry_over_most, occurrences, ends_at, status,
    next_at
FROM ledger.allowances_of(owner_id => %(owner_id)s, asset => %(asset)s)
WHERE app = %(app)s AND nonce = %(allowance_nonce)s
"""

END_ALLOWANCE: Final = """
SELECT ends_at, status, next_at, replayed
FROM ledger.end_allowance_by_hand(
    app => %(app)s,
    allowance_nonce => %(allowance_nonce)s,
    actor => %(actor)s,
    reason => %(reason)s,
    at => %(at)s::timestamptz,
    forfeit => %(forfeit)s,
    owner_id => %(owner_id)s
)
"""

FREEZE: Final = """
SELECT ledger.freeze_account(
    owner_id => %(owner_id)s, actor => %(actor)s, reason => %(reason)s, asset => %(asset)s
)
"""

UNFREEZE: Final = """
SELECT ledger.unfreeze_account(
    owner_id => %(owner_id)s, actor => %(actor)s, reason => %(reason)s, asset => %(asset)s
)
"""

SET_FLOOR: Final = """
SELECT ledger.set_min_balance(
    owner_id => %(owner_id)s,
    min_balance => %(min_balance)s,
    actor => %(actor)s,
    reason => %(reason)s,
    asset => %(asset)s
)
"""
