CREATE OR REPLACE FUNCTION ledger_core.find_holds(name text, max_rows integer)
RETURNS TABLE (owner_id text, asset text, seq bigint, found jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    RETURN QUERY
    SELECT named.owner_id, named.asset, NULL::bigint, named.found
    FROM ledger.apps
    -- OFFSET 0: a look-up in the unique index on (app, nonce) for each app, whatever the planner thinks of the tables.
    CROSS JOIN LATERAL (
        SELECT
            holds.owner_id, holds.asset,
            jsonb_build_object(
                'app', holds.app, 'operation', holds.operation, 'nonce', holds.nonce, 'amount', holds.amount,
                'status', ledger_core.hold_status_at(holds.status, holds.expires_at, v_now)
            ) AS found
        FROM (
            SELECT find_holds.name AS nonce
            UNION ALL
            SELECT growths.hold_nonce FROM ledger.hold_growths AS growths
            WHERE growths.app = apps.app AND growths.nonce = find_holds.name
        ) AS names
        INNER JOIN ledger.holds ON holds.app = apps.app AND names.nonce = holds.nonce
        OFFSET 0
    ) AS named
    ORDER BY apps.app
    LIMIT find_holds.max_rows;
END
$$;

COMMENT ON FUNCTION ledger_core.find_holds IS
'At most max_rows holds whose nonce, or that of a growth, is the name, with their status as of now.';
