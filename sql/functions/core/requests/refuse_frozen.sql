CREATE OR REPLACE FUNCTION ledger_core.refuse_frozen(owner_id text, asset text, frozen_at timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_not_moved(owner_id, asset);
    PERFORM ledger_core.refuse('account_frozen', jsonb_build_object(
        'owner_id', owner_id, 'asset', asset, 'frozen_at', ledger_core.json_time(frozen_at)
    ));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_frozen IS
'Raises LG303: an operator froze the account; or LG308: it was moved to another owner.';
