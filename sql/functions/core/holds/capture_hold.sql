-- requires: functions/core/requests/uses_of_nonce
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
    v_account ledger_core.account_state := ledger_core.lock_account(capture_hold.owner_id, capture_hold.asset);
    v_hold record;
    v_amount bigint;
    v_closes boolean;
    v_entry ledger.entries;
    v_recorded ledger.recorded_entry;
BEGIN
    SELECT
        operation,
        status,
        closed_at,
        amount - captured AS remaining,
        EXISTS (
            SELECT 1 FROM ledger.hold_lots
            WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND hold_nonce = capture_hold.hold_nonce
        ) AS has_lots,
        EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(capture_hold.app, capture_hold.nonce)) AS is_used
    INTO STRICT v_hold
    FROM ledger.holds
    WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND nonce = capture_hold.hold_nonce;
    v_entry.owner_id := capture_hold.owner_id;
    v_entry.asset := capture_hold.asset;
    v_entry.app := capture_hold.app;
    v_entry.operation := v_hold.operation;
    v_entry.nonce := capture_hold.nonce;
    v_entry.amount := -ledger_core.within_amounts(capture_hold.amount);
    v_entry.amount_defaulted := capture_hold.amount IS NULL;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := capture_hold.metadata;
    v_entry.hold_nonce := capture_hold.hold_nonce;
    v_entry.hold_final := capture_hold.final;
    IF v_hold.is_used THEN
        RETURN ledger_core.replay_of(v_entry);
    END IF;

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
                WHEN v_amount BETWEEN -v_hold.remaining AND -1
                    THEN format('A capture is a positive number; did you mean %s?', -v_amount)
                ELSE 'Capture at most what the hold still reserves; release a hold of which nothing was used.'
            END
        );
    END IF;

    v_closes := capture_hold.final OR v_amount = v_hold.remaining;
    IF v_closes THEN
        PERFORM ledger_core.end_hold(
            capture_hold.owner_id, capture_hold.app, capture_hold.hold_nonce, 'captured', v_account.now, v_amount,
            v_account.last_seq + 1, v_hold.has_lots
        );
    ELSE
        UPDATE ledger.holds
        SET captured = captured + v_amount
        WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND nonce = capture_hold.hold_nonce;
        UPDATE ledger.accounts
        SET held = held - v_amount
        WHERE owner_id = capture_hold.owner_id AND asset = capture_hold.asset;
        IF v_hold.has_lots THEN
            PERFORM ledger_core.spend_held_lots(
                capture_hold.owner_id, capture_hold.asset, capture_hold.app, capture_hold.hold_nonce,
                v_account.last_seq + 1, v_amount
            );
        END IF;
    END IF;
    v_entry.amount := -v_amount;
    v_entry.recorded_at := v_account.now;
    v_recorded := ledger_core.write_entry(v_entry);
    IF v_closes AND v_hold.has_lots THEN
        PERFORM ledger_core.expire_lots(capture_hold.owner_id, capture_hold.asset, v_account.now);
    END IF;
    PERFORM ledger_core.journal_hold(
        capture_hold.owner_id, capture_hold.asset, capture_hold.app, capture_hold.hold_nonce, 'captured', v_account.now,
        v_recorded.seq
    );
    IF v_closes OR v_hold.has_lots THEN
        PERFORM ledger_core.note_next_due(capture_hold.owner_id, capture_hold.asset);
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.capture_hold IS
'Spends amount (positive; null: all) of what a hold of the account reserves, from the lots that it reserves.
final: end the hold. Raises LG002, LG201, LG303, LG304.';
