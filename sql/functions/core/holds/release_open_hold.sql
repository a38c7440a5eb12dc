-- requires: dropped/0.1_answers
-- requires: functions/core/holds/as_hold
CREATE OR REPLACE FUNCTION ledger_core.release_open_hold(owner_id text, asset text, app text, hold_nonce text)
RETURNS ledger.hold_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(release_open_hold.owner_id, release_open_hold.asset);
    v_hold ledger.holds;
BEGIN
    SELECT * INTO STRICT v_hold
    FROM ledger.holds
    WHERE owner_id = release_open_hold.owner_id AND app = release_open_hold.app AND nonce = release_open_hold.hold_nonce;
    IF v_hold.status IN ('captured', 'expired') THEN
        PERFORM ledger_core.refuse_closed_hold(release_open_hold.app, release_open_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_hold.status = 'released' THEN
        RETURN ledger_core.as_hold(v_hold, TRUE);
    END IF;
    PERFORM ledger_core.finish_hold(
        release_open_hold.owner_id, release_open_hold.app, release_open_hold.hold_nonce, 'released', v_account.now
    );
    PERFORM ledger_core.journal_hold(
        release_open_hold.owner_id, release_open_hold.asset, release_open_hold.app, release_open_hold.hold_nonce, 'released', v_account.now
    );
    PERFORM ledger_core.expire_lots(release_open_hold.owner_id, release_open_hold.asset, v_account.now);
    PERFORM ledger_core.note_next_due(release_open_hold.owner_id, release_open_hold.asset);
    v_hold.status := 'released';
    v_hold.closed_at := v_account.now;
    RETURN ledger_core.as_hold(v_hold, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.release_open_hold IS
'Ends an open hold of the account and frees what it reserves. Returns a hold that was released before as a replay.
Raises LG304.';
