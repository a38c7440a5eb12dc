CREATE OR REPLACE FUNCTION ledger.operations_of(app text)
RETURNS TABLE (
    operation text,
    shared boolean,
    asset text,
    default_amount bigint,
    min_amount bigint,
    max_amount bigint,
    claim_limit integer,
    claim_period text,
    claim_scope text,
    claim_time_zone text,
    expires_after interval,
    description text
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger.apps WHERE app = operations_of.app) THEN
        PERFORM ledger_core.check_key('app', operations_of.app);
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', operations_of.app));
    END IF;
    RETURN QUERY
    SELECT
        operation, shared, asset, default_amount, min_amount, max_amount, claim_limit, claim_period, claim_scope,
        claim_time_zone, expires_after, description
    FROM ledger_core.operation_rules
    WHERE app = operations_of.app AND retired_at IS NULL
    ORDER BY operation;
END
$$;

COMMENT ON FUNCTION ledger.operations_of IS
'The operations that an app may record now, with the rules in force: amounts in signed whole units of the asset. Raises LG101.';
