"""Invariants of the books, recomputed from the entries."""

from __future__ import annotations

from tests.sql.calls import Connection

# Each query returns a row per discrepancy.
_DISCREPANCIES = {
    "accounts: balance is the sum of the entries, numbered without gaps": """
        SELECT owner_id, asset, balance, last_seq
        FROM ledger.accounts
        WHERE (balance, last_seq, last_seq) IS DISTINCT FROM (
            SELECT (coalesce(sum(amount), 0)::bigint, count(*), coalesce(max(seq), 0))
            FROM ledger.entries
            WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
        )
    """,
    "entries: balance_after is the running sum": """
        SELECT owner_id, asset, seq, balance_after
        FROM (
            SELECT *, sum(amount) OVER (PARTITION BY owner_id, asset ORDER BY seq) AS running
            FROM ledger.entries
        ) AS entries
        WHERE balance_after <> running
    """,
    "accounts: in_order_from is the last entry with an earlier time than the one before": """
        SELECT owner_id, asset, in_order_from
        FROM ledger.accounts
        WHERE in_order_from <> coalesce((
            SELECT max(seq)
            FROM (
                SELECT seq, recorded_at < lag(recorded_at) OVER (ORDER BY seq) AS is_earlier
                FROM ledger.entries
                WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
            ) AS entries
            WHERE is_earlier
        ), 1)
    """,
    "accounts: held is what open holds reserve": """
        SELECT owner_id, asset, held
        FROM ledger.accounts
        WHERE held <> (
            SELECT coalesce(sum(amount - captured), 0)
            FROM ledger.holds
            WHERE holds.owner_id = accounts.owner_id AND holds.asset = accounts.asset
                AND status = 'open'
        )
    """,
    "accounts: what can expire is beyond what the floor forbids to spend": """
        SELECT owner_id, asset, balance, held, min_balance, debt
        FROM ledger.accounts
        WHERE balance - held - min_balance + debt < (
            SELECT coalesce(sum(remaining - held), 0)
            FROM ledger.lots
            WHERE lots.owner_id = accounts.owner_id AND lots.asset = accounts.asset
        )
    """,
    "accounts: debt is what is missing to the floor without what can expire": """
        SELECT owner_id, asset, balance, held, min_balance, debt
        FROM ledger.accounts
        WHERE debt <> greatest(0, min_balance - balance + held + (
            SELECT coalesce(sum(remaining - held), 0)
            FROM ledger.lots
            WHERE lots.owner_id = accounts.owner_id AND lots.asset = accounts.asset
        ))
    """,
    "accounts: next_due_at is the next end of a hold or lot, or the next allowance": """
        SELECT owner_id, asset, next_due_at
        FROM ledger.accounts
        WHERE next_due_at <> least(
            'infinity',
            (
                SELECT min(expires_at) FROM ledger.holds
                WHERE holds.owner_id = accounts.owner_id AND holds.asset = accounts.asset
                    AND status = 'open'
            ),
            (
                SELECT coalesce(min(expires_at), ledger_core.never_due()) FROM ledger.lots
                WHERE lots.owner_id = accounts.owner_id AND lots.asset = accounts.asset
                    AND remaining > lots.held
                HAVING count(*) > 0
            ),
            (
                SELECT min(next_at) FROM ledger.allowances
                WHERE allowances.owner_id = accounts.owner_id AND allowances.asset = accounts.asset
            )
        )
    """,
    "liability: what is owed at a moment is the sum of the balances at that moment": """
        WITH moments AS MATERIALIZED (SELECT ledger_core.clock() AS at),

        stood AS (
            SELECT
                asset,
                at,
                sum(ledger.balance_at(owner_id, at - interval '1 microsecond', asset)) AS balance
            FROM ledger.accounts
            CROSS JOIN moments
            GROUP BY asset, at
        )

        SELECT stood.asset, stood.balance, owed.closing
        FROM stood
        CROSS JOIN LATERAL ledger.liability(
            since => '2000-01-01Z', until => stood.at, asset => stood.asset, by => 'ever'
        ) AS owed
        WHERE owed.closing <> stood.balance
    """,
    "holds: captured is the sum of the captures": """
        SELECT owner_id, app, nonce, captured
        FROM ledger.holds
        WHERE captured <> (
            SELECT coalesce(-sum(amount), 0)
            FROM ledger.entries
            WHERE entries.owner_id = holds.owner_id AND entries.app = holds.app
                AND entries.hold_nonce = holds.nonce
        )
    """,
    "lots: remaining is what was granted less what was taken, held is what holds reserve": """
        SELECT owner_id, asset, seq, amount, remaining, held
        FROM ledger.lots
        WHERE remaining <> amount - (
            SELECT coalesce(sum(lot_movements.amount), 0)
            FROM ledger.lot_movements
            WHERE lot_movements.owner_id = lots.owner_id AND lot_movements.asset = lots.asset
                AND lot_movements.lot_seq = lots.seq
        )
        OR held <> (
            SELECT coalesce(sum(hold_lots.amount), 0)
            FROM ledger.hold_lots
            WHERE hold_lots.owner_id = lots.owner_id AND hold_lots.asset = lots.asset
                AND hold_lots.lot_seq = lots.seq
        )
    """,
    "hold_lots: only of open holds, and no more than these reserve": """
        SELECT owner_id, app, hold_nonce, sum(hold_lots.amount)
        FROM ledger.hold_lots
        GROUP BY owner_id, app, hold_nonce
        HAVING coalesce(sum(hold_lots.amount) > (
            SELECT amount - captured
            FROM ledger.holds
            WHERE holds.owner_id = hold_lots.owner_id AND holds.app = hold_lots.app
                AND nonce = hold_nonce AND status = 'open'
        ), TRUE)
    """,
    "nonces: no entry has that of a hold": """
        SELECT entries.owner_id, app, nonce
        FROM ledger.entries INNER JOIN ledger.holds USING (app, nonce)
    """,
    "reversals: never more than the original": """
        SELECT originals.owner_id, originals.asset, originals.seq
        FROM ledger.entries AS originals
        INNER JOIN ledger.entries AS reversals
            ON originals.owner_id = reversals.owner_id AND originals.asset = reversals.asset
            AND originals.seq = reversals.reverses_seq
        GROUP BY originals.owner_id, originals.asset, originals.seq
        HAVING abs(originals.amount) < sum(abs(reversals.amount))
            OR sign(originals.amount) * sum(reversals.amount) > 0
    """,
}


def assert_books_are_right(conn: Connection) -> None:
    """Fail with the first discrepancies found."""
    # Sessions are shared, and planning takes longer than reading the few entries of a test.
    conn.execute("SET plan_cache_mode = force_generic_plan")
    for rule, query in _DISCREPANCIES.items():
        assert conn.execute(query.encode()).fetchmany(5) == [], rule
    conn.execute("RESET plan_cache_mode")
