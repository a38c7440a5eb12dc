CREATE OR REPLACE FUNCTION ledger.set_min_balance(
    owner_id text,
    min_balance bigint,
    actor text,
    reason text,
    asset text DEFAULT 'CREDIT'
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.check_known_account(owner_id, asset);
    PERFORM ledger_core.check_actor(actor, reason);
    IF coalesce(min_balance NOT BETWEEN -ledger_core.max_amount() AND 0, TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'min_balance', 'reason', format('is required, from %s to 0', -ledger_core.max_amount())
        ));
    END IF;
    PERFORM ledger_core.set_min_balance(owner_id, asset, min_balance, actor, reason);
END
$$;

COMMENT ON FUNCTION ledger.set_min_balance IS
'Sets the floor of an account''s available credits: 0, or below zero for an overdraft of that many whole units. The account
need not have entries yet. actor and reason are kept in ledger.operator_actions. For operators.
Raises LG001, LG301 if the available credits, without those that expire, are below the new floor already.';
