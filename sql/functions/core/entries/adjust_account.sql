-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.adjust_account(
    owner_id text, asset text, amount bigint, nonce text, actor text, reason text
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(adjust_account.owner_id, adjust_account.asset);
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    v_entry.owner_id := adjust_account.owner_id;
    v_entry.asset := adjust_account.asset;
    v_entry.app := 'ledger';
    v_entry.operation := 'ADJUSTMENT';
    v_entry.nonce := adjust_account.nonce;
    v_entry.amount := adjust_account.amount;
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := jsonb_build_object('actor', adjust_account.actor, 'reason', adjust_account.reason);
    v_recorded := ledger_core.replay_of(v_entry);
    IF v_recorded.entry_id IS NOT NULL THEN
        RETURN v_recorded;
    END IF;
    PERFORM ledger_core.check_not_moved(adjust_account.owner_id, adjust_account.asset);
    PERFORM ledger_core.check_available(
        adjust_account.owner_id, adjust_account.asset, v_account, -adjust_account.amount, NULL, NULL
    );

    v_entry.recorded_at := v_account.now;
    v_recorded := ledger_core.write_entry(v_entry);
    IF adjust_account.amount < 0 AND v_account.next_due_at < 'infinity' THEN
        PERFORM ledger_core.take_lots(
            adjust_account.owner_id, adjust_account.asset, v_recorded.seq, -adjust_account.amount, NULL, NULL,
            v_account.balance - v_account.held
        );
    END IF;
    PERFORM ledger_core.journal_action(
        adjust_account.owner_id, adjust_account.asset, 'adjust_balance', adjust_account.actor, adjust_account.reason,
        v_account.now, v_recorded.seq,
        jsonb_build_object('balance', v_account.balance), jsonb_build_object('balance', v_recorded.balance)
    );
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.adjust_account IS
'Records an adjustment of one account and notes it among the operator actions. Raises LG002, LG201, LG301, LG308.';
