CREATE OR REPLACE FUNCTION ledger.statement(
    owner_id text,
    since timestamptz,
    until timestamptz DEFAULT NULL,
    asset text DEFAULT 'CREDIT'
)
RETURNS TABLE (line text, app text, operation text, entry_count bigint, amount bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_period record;
BEGIN
    SELECT * INTO v_period
    FROM ledger_core.period_bounds(statement.owner_id, statement.asset, statement.since, statement.until);
    RETURN QUERY SELECT 'opening', NULL, NULL, NULL::bigint, v_period.opening;
    RETURN QUERY
    SELECT 'total', moved.app, moved.operation, sum(moved.entry_count)::bigint, sum(moved.amount)::bigint
    FROM (
        SELECT entries.app, entries.operation, count(*) AS entry_count, sum(entries.amount) AS amount
        FROM ledger.entries
        WHERE entries.owner_id = statement.owner_id AND entries.asset = statement.asset
            AND entries.seq > v_period.after_seq AND entries.seq <= v_period.last_seq
        GROUP BY entries.app, entries.operation
        UNION ALL
        -- What is not posted yet
        SELECT
            CASE WHEN due.kind = 'allowance' THEN due.app ELSE 'ledger' END,
            CASE WHEN due.kind = 'expiry' THEN 'EXPIRY' ELSE due.operation END, 0, due.amount
        FROM ledger_core.clock_events(
            statement.owner_id, statement.asset, v_period.now, v_period.closes_at
        ) AS due
        WHERE due.kind <> 'hold_end' AND due.at > v_period.opens_at
    ) AS moved
    GROUP BY moved.app, moved.operation
    ORDER BY moved.app, moved.operation;
    RETURN QUERY SELECT 'closing', NULL, NULL, NULL::bigint, v_period.closing;
END
$$;

COMMENT ON FUNCTION ledger.statement IS
'The movements of an account from since (included) to until (excluded; null, or later than
now: now), in signed whole units of the asset.
A line opening with the balance before, a line total per app and operation with the number and sum of entries, a line
closing.
opening + totals = closing. An entry counts from the same time on as in ledger.balance_at. Raises LG001.';
