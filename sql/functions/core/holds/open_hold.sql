-- requires: dropped/0.1_answers
-- requires: functions/core/holds/as_hold, functions/core/requests/uses_of_nonce, functions/core/journals/hold_line
CREATE OR REPLACE FUNCTION ledger_core.open_hold(hold ledger.holds)
RETURNS ledger.hold_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(hold.owner_id, hold.asset);
    v_found record;
    v_lots jsonb;
    v_has_budgets boolean;
BEGIN
    hold.captured := 0;
    hold.status := 'open';
    hold.expires_at := ledger_core.add_interval_in_utc(v_account.now, hold.expires_in);
    -- Lists page by placed_at, so it is unique within the account.
    hold.placed_at := v_account.now;
    SELECT
        EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(hold.app, hold.nonce)) AS nonce,
        EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = hold.owner_id AND asset = hold.asset AND placed_at = hold.placed_at
        ) AS placed_at
    INTO v_found;
    IF v_found.nonce THEN
        RETURN ledger_core.replay_of_hold(hold);
    END IF;
    IF NOT ledger_core.is_addressable(hold.nonce) THEN
        PERFORM ledger_core.check_addressable('nonce', hold.nonce);
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(hold.owner_id, hold.asset, v_account.frozen_at);
    ELSIF NOT ledger_core.is_covered(v_account, hold.amount) THEN
        PERFORM ledger_core.check_available(
            hold.owner_id, hold.asset, v_account, hold.amount, hold.app, hold.operation
        );
    END IF;

    -- Holds of the future do not matter.
    WHILE v_found.placed_at LOOP
        SELECT max(placed_at) + interval '1 microsecond' INTO hold.placed_at
        FROM ledger.holds
        WHERE owner_id = hold.owner_id AND asset = hold.asset
            AND placed_at BETWEEN hold.placed_at AND hold.placed_at + ledger_core.clock_tolerance();
        SELECT EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = hold.owner_id AND asset = hold.asset AND placed_at = hold.placed_at
        ) INTO v_found.placed_at;
    END LOOP;
    IF v_account.next_due_at < 'infinity' THEN
        v_lots := ledger_core.hold_from_lots(hold, hold.amount, v_account);
    END IF;
    -- Waits for a transaction that is taking the same nonce.
    WITH taken AS (
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (hold.app, hold.nonce)
        ON CONFLICT DO NOTHING
        RETURNING 1
    ),

    placed AS (
        INSERT INTO ledger.holds SELECT hold.* FROM taken
    ),

    journaled AS (
        INSERT INTO ledger.hold_events (
            owner_id, asset, app, hold_nonce, event, happened_at, event_seq, hold, xact_id, hash
        )
        SELECT
            hold.owner_id, hold.asset, hold.app, hold.nonce, 'placed', hold.placed_at, line.*
        FROM taken
        CROSS JOIN LATERAL ledger_core.hold_line(hold, v_lots, 'placed', hold.placed_at, NULL) AS line
    )

    UPDATE ledger.accounts
    SET held = held + hold.amount, next_due_at = least(next_due_at, hold.expires_at)
    FROM taken
    WHERE owner_id = hold.owner_id AND asset = hold.asset
    RETURNING has_budgets INTO v_has_budgets;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(hold.app, hold.nonce);
    END IF;
    IF v_has_budgets THEN
        PERFORM ledger_core.count_in_budgets(
            hold.owner_id, hold.asset, hold.app, hold.operation, hold.spender, hold.placed_at, 0, hold.amount
        );
    END IF;
    RETURN ledger_core.as_hold(hold, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.open_hold IS
'Reserves amount (positive) of one account until the hold is captured, released or expires.
hold: the request, which the caller has checked against the rule. Raises LG001 for a new nonce that no URL can contain, LG201, LG301, LG303, LG307.';
