-- requires: dropped/0.1_answers
-- requires: functions/core/lots/makes_lot
CREATE OR REPLACE FUNCTION ledger_core.record_on_account(entry ledger.entries, account ledger_core.account_state)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_recorded ledger.recorded_row;
    v_default_expiry timestamptz;
BEGIN
    IF account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(entry.owner_id, entry.asset, account.frozen_at);
    END IF;
    IF entry.expires_at IS NOT NULL THEN
        PERFORM ledger_core.check_expiry(entry.expires_at, entry.amount, account.now);
    END IF;
    IF entry.amount > 0 THEN
        SELECT
            ledger_core.default_expiry(account.now, expires_after, claim_time_zone), credit_class, priority, usable_for,
            usable_in
        INTO STRICT v_default_expiry, entry.credit_class, entry.priority, entry.usable_for, entry.usable_in
        FROM ledger.operations
        WHERE operation = entry.operation;
        entry.expiry_defaulted := entry.expires_at IS NULL AND v_default_expiry IS NOT NULL;
        entry.expires_at := coalesce(entry.expires_at, v_default_expiry);
    END IF;
    -- Other owners may want the same slot of a claim_subject at this moment. Everybody takes the nonce before it, so that
    -- no two wait for each other.
    IF entry.claim_subject IS NOT NULL THEN
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (entry.app, entry.nonce) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM ledger_core.refuse_nonce(entry.app, entry.nonce);
        END IF;
    END IF;
    SELECT claim_slot, subject_slot INTO entry.claim_slot, entry.subject_slot
    FROM ledger_core.take_claim_slots(
        entry.owner_id, entry.asset, entry.app, entry.operation, entry.claim_subject, account.last_seq + 1, account.now
    );
    PERFORM ledger_core.check_available(
        entry.owner_id, entry.asset, account, -entry.amount, entry.app, entry.operation
    );

    entry.recorded_at := account.now;
    v_recorded := ledger_core.write_entry(entry);
    IF ledger_core.makes_lot(entry) THEN
        entry.seq := v_recorded.seq;
        entry.balance_after := v_recorded.balance;
        PERFORM ledger_core.grant_lot(entry);
    ELSIF entry.amount < 0 AND account.next_due_at < 'infinity' THEN
        PERFORM ledger_core.take_lots(
            entry.owner_id, entry.asset, v_recorded.seq, -entry.amount, entry.app, entry.operation,
            account.balance - account.held
        );
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.record_on_account IS
'Records one entry of a locked, settled account, in this order: freeze, claim limit, floor, write.
entry: the request, which is no replay and which the caller has checked against the rule.
Raises LG001, LG002, LG201, LG301, LG302, LG303, LG307.';
