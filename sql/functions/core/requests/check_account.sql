CREATE OR REPLACE FUNCTION ledger_core.check_account(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT ledger_core.is_key(owner_id) THEN
        PERFORM ledger_core.check_key('owner_id', owner_id);
    ELSIF coalesce(asset !~ '^[A-Z][A-Z0-9_]{0,62}$', TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'asset', 'reason', 'must be upper snake case, at most 63 characters'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_account IS
'Raises LG001 naming the field unless owner_id and asset can name an account.';
