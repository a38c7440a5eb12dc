CREATE OR REPLACE FUNCTION ledger_core.extend_hold(owner_id text, asset text, app text, hold_nonce text, expires_in interval)
RETURNS ledger.hold
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
    v_hold ledger.hold;
    v_until timestamptz;
BEGIN
    v_account := ledger_core.lock_account(extend_hold.owner_id, extend_hold.asset);
    v_hold := ledger_core.hold_state(extend_hold.owner_id, extend_hold.app, extend_hold.hold_nonce, FALSE);
    IF v_hold.status <> 'open' THEN
        PERFORM ledger_core.refuse_closed_hold(extend_hold.app, extend_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    END IF;
    v_until := ledger_core.add_interval_in_utc(v_account.now, extend_hold.expires_in);
    IF v_until <= v_hold.expires_at THEN
        RETURN v_hold;
    END IF;
    UPDATE ledger.holds
    SET expires_at = v_until
    WHERE owner_id = extend_hold.owner_id AND app = extend_hold.app AND nonce = extend_hold.hold_nonce;
    PERFORM ledger_core.journal_hold(
        extend_hold.owner_id, extend_hold.asset, extend_hold.app, extend_hold.hold_nonce, 'extended', v_account.now
    );
    PERFORM ledger_core.note_next_due(extend_hold.owner_id, extend_hold.asset);
    RETURN ledger_core.hold_state(extend_hold.owner_id, extend_hold.app, extend_hold.hold_nonce, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.extend_hold IS
'Makes an open hold of the account last at least expires_in from now; never shortens it. Raises LG304.';
