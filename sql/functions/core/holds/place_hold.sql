-- requires: functions/core/holds/as_hold, functions/core/requests/uses_of_nonce, functions/core/journals/hold_line
CREATE OR REPLACE FUNCTION ledger_core.place_hold(
    owner_id text,
    asset text,
    app text,
    operation text,
    nonce text,
    amount bigint,
    expires_in interval,
    metadata jsonb
)
RETURNS ledger.hold
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(place_hold.owner_id, place_hold.asset);
    v_hold ledger.holds;
    v_found record;
    v_lots jsonb;
BEGIN
    v_hold.owner_id := place_hold.owner_id;
    v_hold.asset := place_hold.asset;
    v_hold.app := place_hold.app;
    v_hold.nonce := place_hold.nonce;
    v_hold.operation := place_hold.operation;
    v_hold.amount := place_hold.amount;
    v_hold.captured := 0;
    v_hold.status := 'open';
    v_hold.expires_in := place_hold.expires_in;
    v_hold.expires_at := ledger_core.add_interval_in_utc(v_account.now, place_hold.expires_in);
    v_hold.metadata := place_hold.metadata;
    -- Lists page by placed_at, so it is unique within the account.
    v_hold.placed_at := v_account.now;
    SELECT
        EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(place_hold.app, place_hold.nonce)) AS nonce,
        EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = place_hold.owner_id AND asset = place_hold.asset AND placed_at = v_hold.placed_at
        ) AS placed_at
    INTO v_found;
    IF v_found.nonce THEN
        RETURN ledger_core.replay_of_hold(v_hold);
    END IF;
    IF NOT ledger_core.is_addressable(place_hold.nonce) THEN
        PERFORM ledger_core.check_addressable('nonce', place_hold.nonce);
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(place_hold.owner_id, place_hold.asset, v_account.frozen_at);
    ELSIF NOT ledger_core.is_covered(v_account, place_hold.amount) THEN
        PERFORM ledger_core.check_floor(place_hold.owner_id, place_hold.asset, v_account, place_hold.amount);
    END IF;

    -- Holds of the future do not matter.
    WHILE v_found.placed_at LOOP
        SELECT max(placed_at) + interval '1 microsecond' INTO v_hold.placed_at
        FROM ledger.holds
        WHERE owner_id = place_hold.owner_id AND asset = place_hold.asset
            AND placed_at BETWEEN v_hold.placed_at AND v_hold.placed_at + ledger_core.clock_tolerance();
        SELECT EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = place_hold.owner_id AND asset = place_hold.asset AND placed_at = v_hold.placed_at
        ) INTO v_found.placed_at;
    END LOOP;
    IF v_account.next_due_at < 'infinity' THEN
        v_lots := ledger_core.reserve_from_lots(
            place_hold.owner_id, place_hold.asset, place_hold.app, place_hold.nonce, place_hold.amount
        );
    END IF;
    -- Waits for a transaction that is taking the same nonce.
    WITH taken AS (
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (place_hold.app, place_hold.nonce)
        ON CONFLICT DO NOTHING
        RETURNING 1
    ),

    placed AS (
        INSERT INTO ledger.holds SELECT v_hold.* FROM taken
    ),

    journaled AS (
        INSERT INTO ledger.hold_events (
            owner_id, asset, app, hold_nonce, event, happened_at, event_seq, hold, xact_id, hash
        )
        SELECT
            place_hold.owner_id, place_hold.asset, place_hold.app, place_hold.nonce, 'placed', v_hold.placed_at, line.*
        FROM taken
        CROSS JOIN LATERAL ledger_core.hold_line(v_hold, v_lots, 'placed', v_hold.placed_at, NULL) AS line
    )

    UPDATE ledger.accounts
    SET held = held + place_hold.amount, next_due_at = least(next_due_at, v_hold.expires_at)
    FROM taken
    WHERE owner_id = place_hold.owner_id AND asset = place_hold.asset;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(place_hold.app, place_hold.nonce);
    END IF;
    RETURN ledger_core.as_hold(v_hold, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.place_hold IS
'Reserves amount (positive) of one account until the hold is captured, released or expires. The caller has checked the
request against the rule. Raises LG001 for a new nonce that no URL can contain, LG201, LG301, LG303.';
