-- requires: dropped/0.1_signatures
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
    description text,
    unit_amount bigint,
    unit_size bigint,
    rounding text,
    max_debt bigint,
    credit_class text,
    priority integer,
    usable_for text [],
    usable_in text [],
    transferable boolean
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
        claim_time_zone, expires_after, description, unit_amount, unit_size, rounding, max_debt, credit_class,
        priority, usable_for, usable_in, transferable
    FROM ledger_core.rules_in_force
    WHERE app = operations_of.app AND retired_at IS NULL
    ORDER BY operation;
END
$$;

COMMENT ON FUNCTION ledger.operations_of IS
'The operations that an app may record now, with the rules in force: amounts in signed whole units of the asset.
unit_amount, unit_size, rounding: the price by quantity, null if there is none. max_debt: how far below the floor a capture may go.
credit_class, priority, usable_for, usable_in: of the credits that it grants, null if it does not say.
transferable: ledger.transfer_credits records it, and nothing else does. Raises LG101.';
