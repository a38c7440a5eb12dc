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
    v_request ledger.holds;
    v_hold ledger.hold;
    v_placed_at timestamptz;
BEGIN
    v_request.owner_id := place_hold.owner_id;
    v_request.app := place_hold.app;
    v_request.nonce := place_hold.nonce;
    v_request.operation := place_hold.operation;
    v_request.amount := place_hold.amount;
    v_request.expires_in := place_hold.expires_in;
    v_request.metadata := place_hold.metadata;
    v_hold := ledger_core.replay_of_hold(v_request);
    IF v_hold.nonce IS NOT NULL THEN
        RETURN v_hold;
    END IF;
    IF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(place_hold.owner_id, place_hold.asset, v_account.frozen_at);
    END IF;
    PERFORM ledger_core.check_floor(place_hold.owner_id, place_hold.asset, v_account, place_hold.amount);

    -- Lists page by placed_at, so it is unique within the account, even if the clock is set back.
    SELECT greatest(v_account.now, max(placed_at) + interval '1 microsecond') INTO v_placed_at
    FROM ledger.holds
    WHERE owner_id = place_hold.owner_id AND asset = place_hold.asset;
    INSERT INTO ledger.holds (
        owner_id, asset, app, nonce, operation, amount, placed_at, expires_in, expires_at, metadata
    )
    VALUES (
        place_hold.owner_id, place_hold.asset, place_hold.app, place_hold.nonce, place_hold.operation, place_hold.amount,
        v_placed_at, place_hold.expires_in, ledger_core.add_interval_in_utc(v_account.now, place_hold.expires_in),
        place_hold.metadata
    )
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(place_hold.app, place_hold.nonce);
    END IF;
    UPDATE ledger.accounts
    SET held = held + place_hold.amount
    WHERE owner_id = place_hold.owner_id AND asset = place_hold.asset;
    PERFORM ledger_core.reserve_lots(
        place_hold.owner_id, place_hold.asset, place_hold.app, place_hold.nonce, place_hold.amount
    );
    PERFORM ledger_core.journal_hold(
        place_hold.owner_id, place_hold.asset, place_hold.app, place_hold.nonce, 'placed', v_placed_at
    );
    PERFORM ledger_core.note_next_due(place_hold.owner_id, place_hold.asset);
    RETURN ledger_core.hold_state(place_hold.owner_id, place_hold.app, place_hold.nonce, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.place_hold IS
'Reserves amount (positive) of one account until the hold is captured, released or expires. The caller has checked the
request against the rule. Raises LG201, LG301, LG303.';
