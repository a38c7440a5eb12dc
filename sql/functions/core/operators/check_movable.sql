CREATE OR REPLACE FUNCTION ledger_core.check_movable(owner_id text, asset text, account ledger_core.account_state)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_reason text;
BEGIN
    v_reason := CASE
        WHEN EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = check_movable.owner_id AND asset = check_movable.asset AND status = 'open'
        ) THEN 'has open holds: capture or release them first'
        WHEN EXISTS (
            SELECT 1
            FROM ledger.allowances
            CROSS JOIN LATERAL ledger_core.as_allowance(
                allowances, account.now, account.frozen_at IS NOT NULL, FALSE
            ) AS shown
            WHERE allowances.owner_id = check_movable.owner_id AND allowances.asset = check_movable.asset
                AND shown.status <> 'ended'
        ) THEN 'has allowances under way: end them, and grant them to the new owner'
        -- Credits that are for something else do not pay for an overdraft.
        WHEN account.balance < (
            SELECT coalesce(sum(remaining), 0) FROM ledger.lots
            WHERE owner_id = check_movable.owner_id AND asset = check_movable.asset AND remaining > 0
        ) THEN 'owes credits: adjust the balance first'
    END;
    IF v_reason IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'from_owner_id', 'reason', v_reason, 'balance', account.balance, 'held', account.held
        ), 'Nothing was moved. Do what the reason says, and move the account then.');
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_movable IS
'Raises LG001 while a locked, settled account has what cannot be moved: open holds, allowances under way, an overdraft.';
