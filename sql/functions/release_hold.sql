CREATE OR REPLACE FUNCTION ledger.release_hold(app text, hold_nonce text)
RETURNS ledger.hold
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    SELECT * INTO v_account FROM ledger_core.owner_of_hold(release_hold.app, release_hold.hold_nonce);
    RETURN ledger_core.release_hold(
        v_account.owner_id, v_account.asset, release_hold.app, release_hold.hold_nonce
    );
END
$$;

COMMENT ON FUNCTION ledger.release_hold IS
'Ends a hold and frees what it still reserves. Releasing a released hold again changes nothing (replayed is true).
Raises LG001, LG101, LG105, LG304 if it was captured or has expired, LG401.';
