CREATE OR REPLACE FUNCTION ledger_core.set_min_balance(
    owner_id text, asset text, min_balance bigint, actor text, reason text
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
BEGIN
    SELECT * INTO v_account FROM ledger_core.lock_account(set_min_balance.owner_id, set_min_balance.asset);
    IF v_account.min_balance = set_min_balance.min_balance THEN
        RETURN;
    ELSIF v_account.balance - v_account.held < set_min_balance.min_balance THEN
        PERFORM ledger_core.refuse(
            'insufficient_balance',
            jsonb_build_object(
                'owner_id', set_min_balance.owner_id, 'asset', set_min_balance.asset,
                'available', v_account.balance - v_account.held, 'min_balance', set_min_balance.min_balance
            ),
            'The available credits are below this floor already: adjust the balance first.'
        );
    END IF;
    UPDATE ledger.accounts
    SET min_balance = set_min_balance.min_balance
    WHERE owner_id = set_min_balance.owner_id AND asset = set_min_balance.asset;
    PERFORM 1 FROM ledger_core.note_action(
        set_min_balance.owner_id, set_min_balance.asset, 'set_min_balance', set_min_balance.actor, set_min_balance.reason,
        v_account.now, NULL,
        jsonb_build_object('min_balance', v_account.min_balance),
        jsonb_build_object('min_balance', set_min_balance.min_balance)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.set_min_balance(text, text, bigint, text, text) IS
'Sets the floor of one account and notes it among the operator actions; nothing if it is so already. Raises LG301.';
