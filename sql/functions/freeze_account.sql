CREATE OR REPLACE FUNCTION ledger.freeze_account(owner_id text, actor text, reason text, asset text DEFAULT 'CREDIT')
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.set_frozen(owner_id, asset, TRUE, actor, reason);
END
$$;

COMMENT ON FUNCTION ledger.freeze_account IS
'Freezes an account: apps cannot record, hold, capture or reverse on it (LG303) until ledger.unfreeze_account.
Holds can be released, replays are answered, operators can adjust, and credits still expire.
actor and reason are kept in ledger.operator_actions. Can be called again. For operators. Raises LG001.';
