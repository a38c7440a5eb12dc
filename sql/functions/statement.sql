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
    -- The period is half open: since belongs to it, until does not.
    v_before constant interval := interval '1 microsecond';
    v_opening record;
    v_closing record;
BEGIN
    PERFORM ledger_core.check_known_account(statement.owner_id, statement.asset);
    PERFORM ledger_core.check_past('since', statement.since);
    IF statement.until < statement.since THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'until', 'reason', 'must not be before since'
        ));
    END IF;
    -- The closing first: what counts as recorded just now must not be in the opening alone.
    SELECT * INTO v_closing FROM ledger_core.balance_at(
        statement.owner_id, statement.asset, least(statement.until - v_before, ledger_core.clock())
    );
    SELECT * INTO v_opening
    FROM ledger_core.balance_at(statement.owner_id, statement.asset, greatest(statement.since, '0001-01-01') - v_before);

    RETURN QUERY SELECT 'opening', NULL, NULL, NULL::bigint, v_opening.balance;
    RETURN QUERY
    SELECT 'total', moved.app, moved.operation, sum(moved.entry_count)::bigint, sum(moved.amount)::bigint
    FROM (
        SELECT entries.app, entries.operation, count(*) AS entry_count, sum(entries.amount) AS amount
        FROM ledger.entries
        WHERE entries.owner_id = statement.owner_id AND entries.asset = statement.asset
            AND entries.seq > v_opening.seq AND entries.seq <= v_closing.seq
        GROUP BY entries.app, entries.operation
        UNION ALL
        -- Expiries within the period that are not posted yet.
        SELECT
            'ledger', 'EXPIRY', 0,
            (v_closing.balance - v_closing.posted) - (v_opening.balance - v_opening.posted)
        WHERE v_closing.balance - v_closing.posted <> v_opening.balance - v_opening.posted
    ) AS moved
    GROUP BY moved.app, moved.operation
    ORDER BY moved.app, moved.operation;
    RETURN QUERY SELECT 'closing', NULL, NULL, NULL::bigint, v_closing.balance;
END
$$;

COMMENT ON FUNCTION ledger.statement IS
'The movements of an account from since (included) to until (excluded; null, or later than
now: now), in signed whole units of the asset.
A line opening with the balance before, a line total per app and operation with the number and sum of entries, a line
closing.
opening + totals = closing. An entry counts from the same time on as in ledger.balance_at. Raises LG001.';
