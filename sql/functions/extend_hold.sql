CREATE OR REPLACE FUNCTION ledger.extend_hold(app text, hold_nonce text, expires_in interval)
RETURNS ledger.hold
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    PERFORM ledger_core.check_expires_in(extend_hold.expires_in);
    SELECT * INTO v_account FROM ledger_core.owner_of_hold(extend_hold.app, extend_hold.hold_nonce);
    RETURN ledger_core.extend_hold(
        v_account.owner_id, v_account.asset, extend_hold.app, extend_hold.hold_nonce, extend_hold.expires_in
    );
END
$$;

COMMENT ON FUNCTION ledger.extend_hold IS
'Extends an open hold to at least expires_in (positive, at most 366 days) from now. Never shortens it, so a retry is
safe.
Raises LG001, LG101, LG105, LG304 once it has ended, LG401.';
