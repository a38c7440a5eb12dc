CREATE OR REPLACE FUNCTION ledger.balance_at(owner_id text, at timestamptz, asset text DEFAULT 'CREDIT')
RETURNS bigint
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.check_known_account(owner_id, asset);
    PERFORM ledger_core.check_past('at', at);
    RETURN (SELECT past.balance FROM ledger_core.balance_at(owner_id, asset, at) AS past);
END
$$;

COMMENT ON FUNCTION ledger.balance_at IS
'The balance of an owner at a past time, in whole units of the asset, including entries of that microsecond.
0 before the first entry. If the clock was ahead when an entry was recorded, the entry counts from the time of the next
entry on, or from now on if there is none. Raises LG001.';
