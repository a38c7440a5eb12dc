-- requires: dropped/0.1_answers
-- requires: functions/core/holds/as_hold, functions/core/journals/hold_line
-- The account was read without a lock. If its row has the same version under the lock, nobody has changed its holds, lots
-- or their journal since, and they are as the statement sees them.
CREATE OR REPLACE FUNCTION ledger_core.open_hold_at_once(hold ledger.holds, version xid, lot_seq bigint)
RETURNS ledger.hold_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_lots jsonb;
    v_placed record;
BEGIN
    hold.captured := 0;
    hold.status := 'open';
    hold.expires_at := ledger_core.add_interval_in_utc(hold.placed_at, hold.expires_in);
    IF open_hold_at_once.lot_seq IS NOT NULL THEN
        v_lots := jsonb_build_object(open_hold_at_once.lot_seq, hold.amount);
    END IF;
    WITH counted AS (
        UPDATE ledger.accounts
        SET held = held + hold.amount, next_due_at = least(next_due_at, hold.expires_at)
        WHERE owner_id = hold.owner_id AND asset = hold.asset
            AND xmin = open_hold_at_once.version
            AND balance - held - hold.amount >= min_balance
        RETURNING has_budgets
    ),

    -- Waits for a transaction that is taking the same nonce.
    taken AS (
        INSERT INTO ledger_core.nonces (app, nonce)
        SELECT hold.app, hold.nonce FROM counted
        ON CONFLICT DO NOTHING
        RETURNING 1
    ),

    placed AS (
        INSERT INTO ledger.holds
        SELECT hold.*
        FROM taken
        ON CONFLICT (app, nonce) DO NOTHING
        RETURNING 1
    ),

    journaled AS (
        INSERT INTO ledger.hold_events (
            owner_id, asset, app, hold_nonce, event, happened_at, event_seq, hold, xact_id, hash
        )
        SELECT
            hold.owner_id, hold.asset, hold.app, hold.nonce, 'placed', hold.placed_at, line.*
        FROM placed
        CROSS JOIN LATERAL ledger_core.hold_line(hold, v_lots, 'placed', hold.placed_at, NULL) AS line
    )

    SELECT counted.has_budgets, EXISTS (SELECT 1 FROM placed) AS is_placed INTO v_placed
    FROM counted;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF NOT v_placed.is_placed THEN
        -- The nonce was taken. Restore the account: cheaper than looking for the nonce before, in every call.
        UPDATE ledger.accounts
        SET held = held - hold.amount
        WHERE owner_id = hold.owner_id AND asset = hold.asset;
        PERFORM ledger_core.note_next_due(hold.owner_id, hold.asset);
        RETURN NULL;
    END IF;

    IF v_lots IS NOT NULL THEN
        WITH reserved AS (
            UPDATE ledger.lots
            SET held = held + hold.amount
            WHERE owner_id = hold.owner_id AND asset = hold.asset AND seq = open_hold_at_once.lot_seq
            RETURNING seq
        )

        INSERT INTO ledger.hold_lots (owner_id, asset, app, hold_nonce, lot_seq, amount)
        SELECT hold.owner_id, hold.asset, hold.app, hold.nonce, reserved.seq, hold.amount
        FROM reserved;
    END IF;
    IF v_placed.has_budgets THEN
        PERFORM ledger_core.count_in_budgets(
            hold.owner_id, hold.asset, hold.app, hold.operation, hold.spender, hold.placed_at, 0, hold.amount
        );
    END IF;
    RETURN ledger_core.as_hold(hold, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.open_hold_at_once IS
'Places a hold like ledger_core.open_hold, but in one statement, and another for a lot. Changes nothing and returns null if
more is needed. hold: the request, which the caller has checked against the rule, with placed_at. version, lot_seq: from
ledger_core.account_to_hold at that time; the hold leaves some of the lot free. Raises LG307.';
