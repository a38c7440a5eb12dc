CREATE OR REPLACE FUNCTION ledger_core.budget_used(
    owner_id text,
    asset text,
    app text,
    operation text,
    since timestamptz,
    until timestamptz,
    at timestamptz DEFAULT '-infinity'
)
RETURNS TABLE (spender text, spent bigint, held bigint)
LANGUAGE plpgsql
STABLE
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_after bigint;
    v_last bigint;
BEGIN
    v_after := ledger_core.seq_at(
        budget_used.owner_id, budget_used.asset, budget_used.since - interval '1 microsecond'
    );
    v_last := ledger_core.seq_at(budget_used.owner_id, budget_used.asset, budget_used.until - interval '1 microsecond');

    RETURN QUERY
    WITH placed AS MATERIALIZED (
        SELECT
            holds.app, holds.nonce, holds.spender, holds.captured,
            CASE WHEN holds.status = 'open' AND holds.expires_at > budget_used.at THEN holds.amount - holds.captured ELSE 0 END AS held
        FROM ledger.holds
        WHERE holds.owner_id = budget_used.owner_id AND holds.asset = budget_used.asset
            AND holds.placed_at >= budget_used.since AND holds.placed_at < budget_used.until
            AND (budget_used.app IS NULL OR holds.app = budget_used.app)
            AND (budget_used.operation IS NULL OR holds.operation = budget_used.operation)
    ),

    parts AS (
        SELECT entries.spender, -entries.amount AS spent, 0 AS held
        FROM ledger.entries
        WHERE entries.owner_id = budget_used.owner_id AND entries.asset = budget_used.asset
            AND entries.seq > v_after AND entries.seq <= v_last
            AND entries.amount < 0 AND entries.app <> 'ledger' AND num_nonnulls(entries.reverses_seq, entries.hold_nonce) = 0
            AND (budget_used.app IS NULL OR entries.app = budget_used.app)
            AND (budget_used.operation IS NULL OR entries.operation = budget_used.operation)
        UNION ALL
        SELECT placed.spender, placed.captured, placed.held FROM placed
        UNION ALL
        SELECT original.spender, -reversals.amount, 0
        FROM ledger.entries AS reversals
        INNER JOIN ledger.entries AS original
            ON original.owner_id = budget_used.owner_id AND original.asset = budget_used.asset
            AND reversals.reverses_seq = original.seq
        WHERE reversals.owner_id = budget_used.owner_id AND reversals.asset = budget_used.asset
            AND reversals.reverses_seq IS NOT NULL AND reversals.amount > 0
            AND CASE
                WHEN original.hold_nonce IS NULL
                    THEN original.seq > v_after AND original.seq <= v_last
                        AND (budget_used.app IS NULL OR original.app = budget_used.app)
                        AND (budget_used.operation IS NULL OR original.operation = budget_used.operation)
                ELSE EXISTS (
                    SELECT 1 FROM placed WHERE placed.app = original.app AND placed.nonce = original.hold_nonce
                )
            END
    )

    SELECT coalesce(parts.spender, '')::text, sum(parts.spent)::bigint, sum(parts.held)::bigint
    FROM parts
    GROUP BY coalesce(parts.spender, '')
    HAVING sum(parts.spent) <> 0 OR sum(parts.held) <> 0;
END
$$;

COMMENT ON FUNCTION ledger_core.budget_used IS
'What a period''s entries and holds have used of a budget: a row per spender (empty: none is named), unless nothing.
A capture counts in the period in which its hold was placed, a reversal in that of its original. Credits, and what the
ledger itself records, do not count. app, operation: null for any. since, until: the period, without until.
at: holds that end until then have ended, also if that is not posted yet.';
