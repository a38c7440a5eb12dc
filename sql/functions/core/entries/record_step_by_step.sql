-- For all that the guarded ledger_core.write_entry does not take on: first entries, claims, lots, holds, replays,
-- refusals.
CREATE OR REPLACE FUNCTION ledger_core.record_step_by_step(entry ledger.entries, expires_after interval)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(entry.owner_id, entry.asset);
    v_recorded ledger.recorded_entry := ledger_core.replay_of(entry);
BEGIN
    IF v_recorded.entry_id IS NOT NULL THEN
        RETURN v_recorded;
    END IF;

    IF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(entry.owner_id, entry.asset, v_account.frozen_at);
    END IF;
    IF entry.expires_at IS NULL AND entry.amount > 0 AND record_step_by_step.expires_after IS NOT NULL THEN
        -- By the calendar by which it is claimed: what may be claimed each month lives to the next claim.
        SELECT ledger_core.add_interval_in_zone(
            v_account.now, record_step_by_step.expires_after, coalesce(claim_time_zone, 'UTC')
        )
        INTO STRICT entry.expires_at
        FROM ledger.operations
        WHERE operation = entry.operation;
        entry.expiry_defaulted := TRUE;
    ELSIF entry.expires_at IS NOT NULL
        AND (entry.amount <= 0 OR entry.expires_at <= v_account.now OR entry.expires_at >= '10000-01-01')
    THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'expires_at',
            'reason', CASE
                WHEN entry.amount <= 0 THEN 'is for credits only'
                ELSE 'must be a time in the future, before the year 10000'
            END
        ));
    END IF;
    SELECT claim_slot, subject_slot INTO entry.claim_slot, entry.subject_slot
    FROM ledger_core.take_claim_slots(
        entry.owner_id, entry.asset, entry.app, entry.operation, entry.claim_subject, v_account.last_seq + 1, v_account.now
    );
    PERFORM ledger_core.check_floor(entry.owner_id, entry.asset, v_account, -entry.amount);

    entry.recorded_at := v_account.now;
    v_recorded := ledger_core.write_entry(entry);
    IF entry.expires_at IS NOT NULL THEN
        PERFORM ledger_core.add_lot(
            entry.owner_id, entry.asset, v_recorded.seq, entry.amount, entry.expires_at, v_recorded.balance
        );
    ELSIF entry.amount < 0 AND v_account.next_due_at < 'infinity' THEN
        PERFORM ledger_core.spend_lots(entry.owner_id, entry.asset, v_recorded.seq, -entry.amount);
    ELSE
        RETURN v_recorded;
    END IF;
    PERFORM ledger_core.note_next_due(entry.owner_id, entry.asset);
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.record_step_by_step IS
'Records one entry of one account, in this order: lock, settle what is due, replay, freeze, claim limit, floor, write.
entry: the request, which the caller has checked against the rule. expires_after: the life of credits whose request names
no expiry, null for ever.
Raises LG001, LG002, LG201, LG301, LG302, LG303.';
