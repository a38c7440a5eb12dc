-- Step by step, for what the guarded ledger_core.write_entry does not take on: first entries, claims,
-- lots, holds, replays, refusals.
CREATE OR REPLACE FUNCTION ledger_core.record_entry(
    owner_id text,
    asset text,
    app text,
    operation text,
    nonce text,
    amount bigint,
    default_amount bigint,
    metadata jsonb,
    expires_at timestamptz,
    expires_after interval,
    claim_subject text
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_amount bigint := coalesce(record_entry.amount, record_entry.default_amount);
    v_expires_at timestamptz := record_entry.expires_at;
    v_account ledger_core.account_state;
    v_slots record;
    v_entry ledger.recorded_entry;
BEGIN
    SELECT * INTO v_account FROM ledger_core.lock_account(record_entry.owner_id, record_entry.asset);

    SELECT * INTO v_entry FROM ledger_core.find_replay(
        record_entry.owner_id, record_entry.app, record_entry.operation, record_entry.nonce, record_entry.amount,
        record_entry.default_amount, record_entry.metadata, record_entry.expires_at, record_entry.claim_subject
    );
    IF v_entry.entry_id IS NOT NULL THEN
        RETURN v_entry;
    END IF;

    IF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(record_entry.owner_id, record_entry.asset, v_account.frozen_at);
    END IF;
    IF v_expires_at IS NULL AND v_amount > 0 THEN
        v_expires_at := ledger_core.add_interval_in_utc(v_account.now, record_entry.expires_after);
    ELSIF v_expires_at IS NOT NULL AND (v_amount <= 0 OR v_expires_at <= v_account.now OR v_expires_at >= '10000-01-01') THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'expires_at',
            'reason', CASE WHEN v_amount <= 0 THEN 'is for credits only' ELSE 'must be a time in the future, before the year 10000' END
        ));
    END IF;
    SELECT * INTO v_slots FROM ledger_core.take_claim_slots(
        record_entry.owner_id, record_entry.asset, record_entry.app, record_entry.operation, record_entry.claim_subject,
        v_account.last_seq + 1, v_account.now
    );
    PERFORM ledger_core.check_floor(record_entry.owner_id, record_entry.asset, v_account, -v_amount);

    SELECT * INTO v_entry FROM ledger_core.write_entry(
        owner_id => record_entry.owner_id,
        asset => record_entry.asset,
        app => record_entry.app,
        operation => record_entry.operation,
        nonce => record_entry.nonce,
        amount => v_amount,
        recorded_at => v_account.now,
        guarded => FALSE,
        amount_defaulted => record_entry.amount IS NULL,
        expiry_defaulted => record_entry.expires_at IS NULL AND v_expires_at IS NOT NULL,
        metadata => record_entry.metadata,
        expires_at => v_expires_at,
        claim_subject => record_entry.claim_subject,
        claim_slot => v_slots.claim_slot,
        subject_slot => v_slots.subject_slot
    );
    IF v_expires_at IS NOT NULL THEN
        PERFORM 1 FROM ledger_core.add_lot(
            record_entry.owner_id, record_entry.asset, v_entry.seq, v_amount, v_expires_at, v_entry.balance
        );
    ELSIF v_amount < 0 AND v_account.next_due_at < 'infinity' THEN
        PERFORM 1 FROM ledger_core.spend_lots(
            record_entry.owner_id, record_entry.asset, v_entry.seq, -v_amount
        );
    ELSE
        RETURN v_entry;
    END IF;
    PERFORM 1 FROM ledger_core.note_next_due(record_entry.owner_id, record_entry.asset);
    RETURN v_entry;
END
$$;

COMMENT ON FUNCTION ledger_core.record_entry IS
'Records one entry of one account, in this order: lock, settle what is due, replay, freeze, claim limit, floor, write. amount is as the request gave it (null: default_amount). The caller has checked the request against the rule. Raises LG001, LG002, LG201, LG301, LG302, LG303.';
