CREATE OR REPLACE FUNCTION ledger_core.adjust_balance(
    owner_id text, asset text, amount bigint, nonce text, actor text, reason text
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
    v_metadata jsonb := jsonb_build_object('actor', adjust_balance.actor, 'reason', adjust_balance.reason);
    v_entry ledger.recorded_entry;
BEGIN
    SELECT * INTO v_account FROM ledger_core.lock_account(adjust_balance.owner_id, adjust_balance.asset);
    SELECT * INTO v_entry FROM ledger_core.recorded_under(adjust_balance.owner_id, 'ledger', adjust_balance.nonce);
    IF v_entry.entry_id IS NOT NULL THEN
        IF (v_entry.asset, v_entry.amount, v_entry.metadata)
            IS DISTINCT FROM (adjust_balance.asset, adjust_balance.amount, v_metadata)
        THEN
            PERFORM ledger_core.refuse_nonce('ledger', adjust_balance.nonce);
        END IF;
        RETURN v_entry;
    END IF;
    PERFORM ledger_core.check_floor(adjust_balance.owner_id, adjust_balance.asset, v_account, -adjust_balance.amount);

    SELECT * INTO v_entry FROM ledger_core.write_entry(
        owner_id => adjust_balance.owner_id,
        asset => adjust_balance.asset,
        app => 'ledger',
        operation => 'ADJUSTMENT',
        nonce => adjust_balance.nonce,
        amount => adjust_balance.amount,
        recorded_at => v_account.now,
        guarded => FALSE,
        metadata => v_metadata
    );
    IF adjust_balance.amount < 0 AND v_account.next_due_at < 'infinity' THEN
        PERFORM 1 FROM ledger_core.spend_lots(
            adjust_balance.owner_id, adjust_balance.asset, v_entry.seq, -adjust_balance.amount
        );
        PERFORM 1 FROM ledger_core.note_next_due(adjust_balance.owner_id, adjust_balance.asset);
    END IF;
    PERFORM 1 FROM ledger_core.note_action(
        adjust_balance.owner_id, adjust_balance.asset, 'adjust_balance', adjust_balance.actor, adjust_balance.reason,
        v_account.now, v_entry.seq,
        jsonb_build_object('balance', v_account.balance), jsonb_build_object('balance', v_entry.balance)
    );
    RETURN v_entry;
END
$$;

COMMENT ON FUNCTION ledger_core.adjust_balance IS
'Records an adjustment of one account and notes it among the operator actions. Raises LG002, LG201, LG301.';
