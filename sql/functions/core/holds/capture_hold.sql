-- requires: functions/core/requests/uses_of_nonce, functions/core/journals/hold_line
-- requires: functions/core/entries/hashed_entry, functions/core/entries/next_expiry
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
    v_found record;
    v_hold ledger.holds;
    v_remaining bigint;
    v_amount bigint;
    v_closes boolean;
    v_is_last boolean;
    v_next_due_at timestamptz := v_account.next_due_at;
    v_lots jsonb;
    v_entry ledger.entries;
    v_options text;
BEGIN
    SELECT
        holds AS hold,
        -- The account, and so perhaps the hold
        EXISTS (
            SELECT 1 FROM ledger.lots
            WHERE owner_id = capture_hold.owner_id AND asset = capture_hold.asset AND remaining > 0
        ) AS has_lots,
        EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(capture_hold.app, capture_hold.nonce)) AS is_used
    INTO STRICT v_found
    FROM ledger.holds
    WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND nonce = capture_hold.hold_nonce;
    v_hold := v_found.hold;
    v_remaining := v_hold.amount - v_hold.captured;
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
    v_entry.spender := v_hold.spender;
    v_entry.seq := v_account.last_seq + 1;
    v_entry.recorded_at := v_account.now;
    IF v_found.is_used THEN
        RETURN ledger_core.replay_of(v_entry);
    END IF;

    IF v_hold.status <> 'open' THEN
        PERFORM ledger_core.refuse_closed_hold(capture_hold.app, capture_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(capture_hold.owner_id, capture_hold.asset, v_account.frozen_at);
    END IF;
    v_amount := coalesce(capture_hold.amount, v_remaining);
    IF v_amount NOT BETWEEN 1 AND v_remaining THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', v_amount, 'min_amount', 1, 'max_amount', v_remaining),
            CASE
                WHEN v_amount BETWEEN -v_remaining AND -1
                    THEN format('A capture is a positive number; did you mean %s?', -v_amount)
                ELSE 'Capture at most what the hold still reserves; release a hold of which nothing was used.'
            END
        );
    END IF;

    v_closes := capture_hold.final OR v_amount = v_remaining;
    -- The account has no other hold, so that only its lots say what is due next.
    v_is_last := v_closes AND v_account.held = v_remaining;
    IF v_found.has_lots AND v_closes THEN
        PERFORM ledger_core.free_held_lots(
            capture_hold.owner_id, capture_hold.asset, capture_hold.app, capture_hold.hold_nonce, v_amount, v_entry.seq
        );
    ELSIF v_found.has_lots THEN
        PERFORM ledger_core.spend_held_lots(
            capture_hold.owner_id, capture_hold.asset, capture_hold.app, capture_hold.hold_nonce, v_entry.seq, v_amount
        );
        SELECT jsonb_object_agg(lot_seq, amount) INTO v_lots
        FROM ledger.hold_lots
        WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND hold_nonce = capture_hold.hold_nonce;
    END IF;
    IF v_is_last AND v_found.has_lots THEN
        SELECT due_at INTO v_next_due_at FROM ledger_core.next_expiry(capture_hold.owner_id, capture_hold.asset);
    ELSIF v_is_last THEN
        v_next_due_at := 'infinity';
    END IF;

    v_hold.captured := v_hold.captured + v_amount;
    IF v_closes THEN
        v_hold.status := 'captured';
        v_hold.closed_at := v_account.now;
    ELSE
        v_remaining := v_amount;
    END IF;
    v_entry.entry_id := nextval('ledger_core.entry_ids');
    v_entry.xact_id := pg_current_xact_id();
    v_entry.amount := -v_amount;
    v_entry.balance_after := v_account.balance - v_amount;
    v_options := ledger_core.hashed_options(v_entry);
    -- As ledger_core.write_entry, and the hold with it.
    WITH taken AS (
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (capture_hold.app, capture_hold.nonce)
        ON CONFLICT DO NOTHING
        RETURNING 1
    ),

    written AS (
        UPDATE ledger.accounts
        SET
            balance = v_entry.balance_after,
            held = held - v_remaining,
            last_seq = v_entry.seq,
            last_entry_at = v_account.now,
            in_order_from = CASE WHEN last_entry_at <= v_account.now THEN in_order_from ELSE v_entry.seq END,
            next_due_at = v_next_due_at,
            head_hash = ledger_core.chain_hash(head_hash, ledger_core.hashed_entry(
                v_entry, v_options, v_entry.seq, v_entry.balance_after, v_account.now
            ))
        FROM taken
        WHERE owner_id = capture_hold.owner_id AND asset = capture_hold.asset
        RETURNING head_hash
    ),

    recorded AS (
        INSERT INTO ledger.entries (
            owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce, amount_defaulted,
            expiry_defaulted, metadata, hold_nonce, hold_final, spender, recorded_at, xact_id, hash
        )
        SELECT
            v_entry.owner_id, v_entry.asset, v_entry.seq, v_entry.entry_id, v_entry.app, v_entry.operation,
            v_entry.amount, v_entry.balance_after, v_entry.nonce, v_entry.amount_defaulted, v_entry.expiry_defaulted,
            v_entry.metadata, v_entry.hold_nonce, v_entry.hold_final, v_entry.spender, v_entry.recorded_at,
            v_entry.xact_id, written.head_hash
        FROM written
        ON CONFLICT (app, nonce) DO NOTHING
        RETURNING hash
    ),

    journaled AS (
        INSERT INTO ledger.hold_events (
            owner_id, asset, app, hold_nonce, event, happened_at, seq, event_seq, hold, xact_id, hash
        )
        SELECT
            v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.nonce, 'captured', v_account.now, v_entry.seq, line.*
        FROM taken
        CROSS JOIN LATERAL ledger_core.hold_line(v_hold, v_lots, 'captured', v_account.now, v_entry.seq) AS line
    )

    UPDATE ledger.holds
    SET captured = v_hold.captured, status = v_hold.status, closed_at = v_hold.closed_at
    FROM recorded
    WHERE owner_id = capture_hold.owner_id AND app = capture_hold.app AND nonce = capture_hold.hold_nonce
    RETURNING recorded.hash INTO v_entry.hash;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(capture_hold.app, capture_hold.nonce);
    END IF;

    IF v_closes AND NOT (v_is_last AND v_next_due_at > v_account.now) THEN
        -- What expired while it was reserved, and other holds
        IF v_found.has_lots THEN
            PERFORM ledger_core.expire_lots(capture_hold.owner_id, capture_hold.asset, v_account.now);
        END IF;
        PERFORM ledger_core.note_next_due(capture_hold.owner_id, capture_hold.asset);
    END IF;
    RETURN ledger_core.as_recorded(v_entry, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.capture_hold IS
'Spends amount (positive; null: all) of what a hold of the account reserves, from the lots that it reserves.
final: end the hold. Raises LG002, LG201, LG303, LG304.';
