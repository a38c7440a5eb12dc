-- requires: dropped/0.1_answers
-- requires: functions/core/entries/next_event, functions/core/holds/as_hold
CREATE OR REPLACE FUNCTION ledger_core.extend_open_hold(owner_id text, asset text, app text, hold_nonce text, expires_in interval)
RETURNS ledger.hold_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(extend_open_hold.owner_id, extend_open_hold.asset);
    v_hold ledger.holds;
    v_until timestamptz := ledger_core.add_interval_in_utc(v_account.now, extend_open_hold.expires_in);
BEGIN
    SELECT * INTO STRICT v_hold
    FROM ledger.holds
    WHERE owner_id = extend_open_hold.owner_id AND app = extend_open_hold.app AND nonce = extend_open_hold.hold_nonce;
    IF v_hold.status <> 'open' THEN
        PERFORM ledger_core.refuse_closed_hold(extend_open_hold.app, extend_open_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_until > v_hold.expires_at THEN
        UPDATE ledger.holds
        SET expires_at = v_until
        WHERE owner_id = extend_open_hold.owner_id AND app = extend_open_hold.app AND nonce = extend_open_hold.hold_nonce;
        PERFORM ledger_core.journal_hold(
            extend_open_hold.owner_id, extend_open_hold.asset, extend_open_hold.app, extend_open_hold.hold_nonce, 'extended', v_account.now
        );
        -- Also where this hold is not the next to end. Only a row that has changed stops transactions at the stricter
        -- isolation levels whose snapshot still has the earlier end.
        UPDATE ledger.accounts
        SET next_due_at = next_event.due_at
        FROM ledger_core.next_event(extend_open_hold.owner_id, extend_open_hold.asset) AS next_event
        WHERE owner_id = extend_open_hold.owner_id AND asset = extend_open_hold.asset;
        v_hold.expires_at := v_until;
    END IF;
    RETURN ledger_core.as_hold(v_hold, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.extend_open_hold IS
'Makes an open hold of the account last at least expires_in from now; never shortens it. Raises LG304.';
