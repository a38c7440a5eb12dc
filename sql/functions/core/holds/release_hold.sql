CREATE OR REPLACE FUNCTION ledger_core.release_hold(owner_id text, asset text, app text, hold_nonce text)
RETURNS ledger.hold
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
    v_hold ledger.hold;
BEGIN
    v_account := ledger_core.lock_account(release_hold.owner_id, release_hold.asset);
    v_hold := ledger_core.hold_state(release_hold.owner_id, release_hold.app, release_hold.hold_nonce, TRUE);
    IF v_hold.status IN ('captured', 'expired') THEN
        PERFORM ledger_core.refuse_closed_hold(release_hold.app, release_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_hold.status = 'released' THEN
        RETURN v_hold;
    END IF;
    PERFORM ledger_core.close_hold(
        release_hold.owner_id, release_hold.app, release_hold.hold_nonce, 'released', v_account.now
    );
    PERFORM ledger_core.journal_hold(
        release_hold.owner_id, release_hold.asset, release_hold.app, release_hold.hold_nonce, 'released', v_account.now
    );
    PERFORM ledger_core.expire_lots(release_hold.owner_id, release_hold.asset, v_account.now);
    PERFORM ledger_core.note_next_due(release_hold.owner_id, release_hold.asset);
    RETURN ledger_core.hold_state(release_hold.owner_id, release_hold.app, release_hold.hold_nonce, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.release_hold IS
'Ends an open hold of the account and frees what it reserves. Returns a hold that was released before as a replay.
Raises LG304.';
