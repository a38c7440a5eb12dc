CREATE OR REPLACE FUNCTION ledger_core.set_frozen(owner_id text, asset text, frozen boolean, actor text, reason text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
BEGIN
    PERFORM ledger_core.check_known_account(set_frozen.owner_id, set_frozen.asset);
    PERFORM ledger_core.check_actor(set_frozen.actor, set_frozen.reason);
    -- An unknown account is not frozen, so unfreezing need not create it.
    IF NOT set_frozen.frozen AND NOT EXISTS (
        SELECT 1 FROM ledger.accounts WHERE owner_id = set_frozen.owner_id AND asset = set_frozen.asset
    ) THEN
        RETURN;
    END IF;
    v_account := ledger_core.lock_account(set_frozen.owner_id, set_frozen.asset);
    IF (v_account.frozen_at IS NOT NULL) = set_frozen.frozen THEN
        RETURN;
    END IF;
    PERFORM ledger_core.check_not_moved(set_frozen.owner_id, set_frozen.asset);
    UPDATE ledger.accounts
    SET frozen_at = CASE WHEN set_frozen.frozen THEN v_account.now END
    WHERE owner_id = set_frozen.owner_id AND asset = set_frozen.asset;
    PERFORM ledger_core.suspend_allowances(set_frozen.owner_id, set_frozen.asset, set_frozen.frozen, v_account.now);
    PERFORM ledger_core.journal_action(
        set_frozen.owner_id, set_frozen.asset, CASE WHEN set_frozen.frozen THEN 'freeze_account' ELSE 'unfreeze_account' END,
        set_frozen.actor, set_frozen.reason, v_account.now, NULL,
        jsonb_build_object('frozen', NOT set_frozen.frozen), jsonb_build_object('frozen', set_frozen.frozen)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.set_frozen IS
'Freezes or unfreezes one account and adds that to the operator actions; does nothing if the account is in that state
already. Raises LG001, LG308.';
