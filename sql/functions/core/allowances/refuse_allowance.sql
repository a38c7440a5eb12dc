CREATE OR REPLACE FUNCTION ledger_core.refuse_allowance(app text, allowance_nonce text, owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_key('allowance_nonce', allowance_nonce);
    PERFORM ledger_core.check_authorized(app);
    PERFORM ledger_core.check_named_owner(owner_id);
    PERFORM ledger_core.refuse('allowance_not_found', jsonb_strip_nulls(jsonb_build_object(
        'app', app, 'allowance_nonce', allowance_nonce, 'owner_id', owner_id
    )));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_allowance IS
'Says why ledger_core.allowance_account has no row. Raises LG001, LG101, LG106, LG311, LG401.';
