-- requires: dropped/0.1_answers
-- requires: functions/core/lots/makes_lot
-- For all that the guarded ledger_core.write_entry does not take on: what is due, claims of more than one, replays,
-- refusals.
CREATE OR REPLACE FUNCTION ledger_core.record_in_steps(entry ledger.entries)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(entry.owner_id, entry.asset);
    v_recorded ledger.recorded_row := ledger_core.replay_of(entry);
    v_default_expiry timestamptz;
BEGIN
    IF v_recorded.entry_id IS NOT NULL THEN
        RETURN v_recorded;
    END IF;

    IF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(entry.owner_id, entry.asset, v_account.frozen_at);
    END IF;
    IF entry.expires_at IS NOT NULL THEN
        PERFORM ledger_core.check_expiry(entry.expires_at, entry.amount, v_account.now);
    END IF;
    IF entry.amount > 0 THEN
        SELECT
            ledger_core.default_expiry(v_account.now, expires_after, claim_time_zone), credit_class, priority, usable_for,
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
        entry.owner_id, entry.asset, entry.app, entry.operation, entry.claim_subject, v_account.last_seq + 1, v_account.now
    );
    PERFORM ledger_core.check_available(
        entry.owner_id, entry.asset, v_account, -entry.amount, entry.app, entry.operation
    );

    entry.recorded_at := v_account.now;
    v_recorded := ledger_core.write_entry(entry);
    IF ledger_core.makes_lot(entry) THEN
        entry.seq := v_recorded.seq;
        entry.balance_after := v_recorded.balance;
        PERFORM ledger_core.grant_lot(entry);
    ELSIF entry.amount < 0 AND v_account.next_due_at < 'infinity' THEN
        PERFORM ledger_core.take_lots(
            entry.owner_id, entry.asset, v_recorded.seq, -entry.amount, entry.app, entry.operation,
            v_account.balance - v_account.held
        );
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.record_in_steps IS
'Records one entry of one account, in this order: lock, settle what is due, replay, freeze, claim limit, floor, write.
entry: the request, which the caller has checked against the rule.
Raises LG001, LG002, LG201, LG301, LG302, LG303.';
