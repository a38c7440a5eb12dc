-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.move_account(
    from_owner_id text, to_owner_id text, asset text, nonce text, actor text, reason text
)
RETURNS SETOF ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_pair ledger_core.account_pair;
    v_entry ledger.entries;
    v_moved ledger.recorded_row;
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM ledger.accounts WHERE owner_id = move_account.from_owner_id AND asset = move_account.asset
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'from_owner_id', 'reason', 'has no account in this asset', 'asset', move_account.asset
        ));
    END IF;
    v_pair := ledger_core.lock_pair(move_account.from_owner_id, move_account.to_owner_id, move_account.asset);
    v_entry.owner_id := move_account.from_owner_id;
    v_entry.asset := move_account.asset;
    v_entry.app := 'ledger';
    v_entry.operation := 'ACCOUNT_MOVE';
    v_entry.nonce := move_account.nonce;
    v_entry.amount := -(v_pair.own).balance;
    -- The request names none.
    v_entry.amount_defaulted := TRUE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := jsonb_build_object('actor', move_account.actor, 'reason', move_account.reason);
    v_entry.peer_owner_id := move_account.to_owner_id;
    v_moved := ledger_core.replay_of(v_entry);
    IF v_moved.entry_id IS NOT NULL THEN
        RETURN QUERY SELECT * FROM ledger_core.sides_of(v_moved);
        RETURN;
    END IF;
    PERFORM ledger_core.check_not_moved(move_account.from_owner_id, move_account.asset);
    PERFORM ledger_core.check_not_moved(move_account.to_owner_id, move_account.asset);
    PERFORM ledger_core.check_movable(move_account.from_owner_id, move_account.asset, v_pair.own);

    v_entry.peer_seq := (v_pair.peer).last_seq + 1;
    v_entry.recorded_at := (v_pair.own).now;
    v_moved := ledger_core.write_entry(v_entry);
    IF v_entry.amount < 0 THEN
        PERFORM ledger_core.take_lots(
            v_entry.owner_id, v_entry.asset, v_moved.seq, -v_entry.amount, NULL, NULL, -v_entry.amount
        );
        v_entry.seq := v_moved.seq;
        PERFORM ledger_core.receive_parts(v_entry);
    END IF;
    PERFORM ledger_core.share_claims(v_entry.owner_id, v_entry.asset, v_entry.peer_owner_id);
    PERFORM ledger_core.set_frozen(v_entry.owner_id, v_entry.asset, TRUE, move_account.actor, move_account.reason);
    UPDATE ledger.accounts
    SET moved_to = v_entry.peer_owner_id
    WHERE owner_id = v_entry.owner_id AND asset = v_entry.asset;
    PERFORM ledger_core.journal_action(
        v_entry.owner_id, v_entry.asset, 'move_account', move_account.actor, move_account.reason, v_moved.recorded_at,
        v_moved.seq,
        jsonb_build_object('balance', -v_moved.amount),
        jsonb_build_object('balance', 0, 'moved_to', v_entry.peer_owner_id)
    );
    RETURN QUERY SELECT * FROM ledger_core.sides_of(v_moved);
END
$$;

COMMENT ON FUNCTION ledger_core.move_account IS
'Moves one account, whose owner the caller has checked, and closes it. Raises LG001, LG002, LG201, LG308.';
