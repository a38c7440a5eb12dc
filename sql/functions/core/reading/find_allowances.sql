CREATE OR REPLACE FUNCTION ledger_core.find_allowances(name text, max_rows integer)
RETURNS TABLE (owner_id text, asset text, seq bigint, found jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT named.owner_id, named.asset, NULL::bigint, named.found
    FROM ledger.apps
    -- OFFSET 0: a look-up in the unique indexes on (app, nonce) for each app, as in ledger_core.find_holds
    CROSS JOIN LATERAL (
        SELECT
            allowances.owner_id, allowances.asset,
            jsonb_build_object(
                'app', allowances.app, 'operation', allowances.operation, 'nonce', allowances.nonce,
                'amount', allowances.amount, 'period', allowances.period
            ) AS found
        FROM (
            SELECT find_allowances.name AS nonce
            UNION ALL
            SELECT events.allowance_nonce FROM ledger.allowance_events AS events
            WHERE events.app = apps.app AND events.nonce = find_allowances.name AND events.event = 'changed'
        ) AS names
        INNER JOIN ledger.allowances ON allowances.app = apps.app AND names.nonce = allowances.nonce
        OFFSET 0
    ) AS named
    ORDER BY apps.app
    LIMIT find_allowances.max_rows;
END
$$;

COMMENT ON FUNCTION ledger_core.find_allowances IS
'At most max_rows allowances whose nonce, or that of a change, is the name.';
