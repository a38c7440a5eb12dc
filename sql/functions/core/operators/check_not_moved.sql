CREATE OR REPLACE FUNCTION ledger_core.check_not_moved(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    SELECT
        moved_to,
        (
            SELECT max(acted_at) FROM ledger.operator_actions
            WHERE owner_id = check_not_moved.owner_id AND asset = check_not_moved.asset AND action = 'move_account'
        ) AS closed_at
    INTO v_account
    FROM ledger.accounts
    WHERE owner_id = check_not_moved.owner_id AND asset = check_not_moved.asset AND moved_to IS NOT NULL;
    IF FOUND THEN
        PERFORM ledger_core.refuse('account_closed', jsonb_build_object(
            'owner_id', check_not_moved.owner_id, 'asset', check_not_moved.asset, 'moved_to', v_account.moved_to,
            'closed_at', ledger_core.json_time(v_account.closed_at)
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_not_moved IS
'Raises LG308 if the account was moved to another owner.';
