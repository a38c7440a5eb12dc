CREATE OR REPLACE FUNCTION ledger.unfreeze_account(owner_id text, actor text, reason text, asset text DEFAULT 'CREDIT')
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.set_frozen(owner_id, asset, FALSE, actor, reason);
END
$$;

COMMENT ON FUNCTION ledger.unfreeze_account IS
'Lifts the freeze of an account. actor and reason are kept in ledger.operator_actions.
Can be called again. For operators. Raises LG001.';
