CREATE OR REPLACE FUNCTION ledger_core.set_min_balance(
    owner_id text, asset text, min_balance bigint, actor text, reason text
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
    v_expiring bigint;
BEGIN
    -- The floor of an unknown account is 0, so the account need not be created.
    IF set_min_balance.min_balance = 0 AND NOT EXISTS (
        SELECT 1 FROM ledger.accounts WHERE owner_id = set_min_balance.owner_id AND asset = set_min_balance.asset
    ) THEN
        RETURN;
    END IF;
    v_account := ledger_core.lock_account(set_min_balance.owner_id, set_min_balance.asset);
    IF v_account.min_balance = set_min_balance.min_balance THEN
        RETURN;
    END IF;
    PERFORM ledger_core.check_not_moved(set_min_balance.owner_id, set_min_balance.asset);
    -- Lots do not count: neither their expiry, nor their limited use, must leave the rest below the floor.
    SELECT coalesce(sum(remaining - held), 0) INTO v_expiring
    FROM ledger.lots
    WHERE owner_id = set_min_balance.owner_id AND asset = set_min_balance.asset AND remaining > 0;
    IF v_account.balance - v_account.held - v_expiring < set_min_balance.min_balance
        AND set_min_balance.min_balance > v_account.min_balance
    THEN
        PERFORM ledger_core.refuse(
            'insufficient_balance',
            jsonb_strip_nulls(jsonb_build_object(
                'owner_id', set_min_balance.owner_id, 'asset', set_min_balance.asset,
                'available', v_account.balance - v_account.held, 'expiring', nullif(v_expiring, 0),
                'min_balance', set_min_balance.min_balance
            )),
            'Without credits that expire, or are for something, the account is below this floor already: adjust the balance first.'
        );
    END IF;
    UPDATE ledger.accounts
    SET min_balance = set_min_balance.min_balance
    WHERE owner_id = set_min_balance.owner_id AND asset = set_min_balance.asset;
    PERFORM ledger_core.note_debt(set_min_balance.owner_id, set_min_balance.asset);
    PERFORM ledger_core.journal_action(
        set_min_balance.owner_id, set_min_balance.asset, 'set_min_balance', set_min_balance.actor, set_min_balance.reason,
        v_account.now, NULL,
        jsonb_build_object('min_balance', v_account.min_balance),
        jsonb_build_object('min_balance', set_min_balance.min_balance)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.set_min_balance IS
'Sets the floor of one account and adds that to the operator actions; does nothing if the floor is this already.
Raises LG301, LG308.';
