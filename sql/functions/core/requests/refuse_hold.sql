CREATE OR REPLACE FUNCTION ledger_core.refuse_hold(app text, hold_nonce text, owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_key('hold_nonce', hold_nonce);
    PERFORM ledger_core.check_authorized(app);
    PERFORM ledger_core.check_named_owner(owner_id);
    PERFORM ledger_core.refuse('hold_not_found', jsonb_strip_nulls(jsonb_build_object(
        'app', app, 'hold_nonce', hold_nonce, 'owner_id', owner_id
    )));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_hold IS
'Says why ledger_core.hold_account has no row. Raises LG001, LG101, LG105, LG311, LG401.';
