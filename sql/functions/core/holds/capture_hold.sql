CREATE OR REPLACE FUNCTION ledger_core.capture_hold(
    owner_id text,
    asset text,
    app text,
    hold_nonce text,
    nonce text,
    amount bigint,
    final boolean,
    metadata jsonb
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state;
    v_hold record;
    v_amount bigint;
    v_entry ledger.recorded_entry;
BEGIN
    SELECT * INTO v_account FROM ledger_core.lock_account(capture_hold.owner_id, capture_hold.asset);

    SELECT * INTO v_entry FROM ledger_core.recorded_under(capture_hold.owner_id, capture_hold.app, capture_hold.nonce);
    IF v_entry.entry_id IS NOT NULL THEN
        IF NOT EXISTS (
            SELECT 1 FROM ledger.entries
            WHERE owner_id = capture_hold.owner_id AND asset = v_entry.asset AND seq = v_entry.seq
                AND hold_nonce = capture_hold.hold_nonce
                AND hold_final = capture_hold.final
                AND (amount = -capture_hold.amount OR (capture_hold.amount IS NULL AND amount_defaulted))
                AND metadata IS NOT DISTINCT FROM capture_hold.metadata
        ) THEN
            PERFORM ledger_core.refuse_nonce(capture_hold.app, capture_hold.nonce);
        END IF;
        RETURN v_entry;
    END IF;

    SELECT operation, status, closed_at, amount - captured AS remaining INTO STRICT v_hold
    FROM ledger.holds
    WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND nonce = capture_hold.hold_nonce;
    IF v_hold.status <> 'open' THEN
        PERFORM ledger_core.refuse_closed_hold(capture_hold.app, capture_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(capture_hold.owner_id, capture_hold.asset, v_account.frozen_at);
    END IF;
    v_amount := coalesce(capture_hold.amount, v_hold.remaining);
    IF v_amount NOT BETWEEN 1 AND v_hold.remaining THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', v_amount, 'min_amount', 1, 'max_amount', v_hold.remaining),
            CASE
                WHEN v_amount BETWEEN -v_hold.remaining AND -1 THEN format('A capture is a positive number; did you mean %s?', -v_amount)
                ELSE 'Capture at most what the hold still reserves; release a hold of which nothing was used.'
            END
        );
    END IF;

    UPDATE ledger.holds
    SET captured = captured + v_amount
    WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND nonce = capture_hold.hold_nonce;
    UPDATE ledger.accounts
    SET held = held - v_amount
    WHERE owner_id = capture_hold.owner_id AND asset = capture_hold.asset;
    SELECT * INTO v_entry FROM ledger_core.write_entry(
        owner_id => capture_hold.owner_id,
        asset => capture_hold.asset,
        app => capture_hold.app,
        operation => v_hold.operation,
        nonce => capture_hold.nonce,
        amount => -v_amount,
        recorded_at => v_account.now,
        guarded => FALSE,
        amount_defaulted => capture_hold.amount IS NULL,
        metadata => capture_hold.metadata,
        hold_nonce => capture_hold.hold_nonce,
        hold_final => capture_hold.final
    );
    PERFORM 1 FROM ledger_core.spend_held_lots(
        capture_hold.owner_id, capture_hold.asset, capture_hold.app, capture_hold.hold_nonce, v_entry.seq, v_amount
    );
    IF capture_hold.final OR v_amount = v_hold.remaining THEN
        PERFORM 1 FROM ledger_core.close_hold(
            capture_hold.owner_id, capture_hold.app, capture_hold.hold_nonce, 'captured', v_account.now
        );
        PERFORM 1 FROM ledger_core.expire_lots(capture_hold.owner_id, capture_hold.asset, v_account.now);
    END IF;
    PERFORM 1 FROM ledger_core.note_hold(
        capture_hold.owner_id, capture_hold.asset, capture_hold.app, capture_hold.hold_nonce, 'captured', v_account.now,
        v_entry.seq
    );
    PERFORM 1 FROM ledger_core.note_next_due(capture_hold.owner_id, capture_hold.asset);
    RETURN v_entry;
END
$$;

COMMENT ON FUNCTION ledger_core.capture_hold IS
'Spends amount (positive; null: all) of what a hold of the account reserves, from the lots that it reserved; final ends the hold. Raises LG002, LG201, LG303, LG304.';
