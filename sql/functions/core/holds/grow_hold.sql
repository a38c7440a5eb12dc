-- requires: dropped/0.1_answers
-- requires: functions/core/requests/uses_of_nonce, functions/core/holds/as_hold
-- requires: functions/core/journals/noted_line, functions/core/journals/noted_hold, functions/core/journals/noted_growth
CREATE OR REPLACE FUNCTION ledger_core.grow_hold(
    owner_id text, asset text, app text, hold_nonce text, nonce text, by bigint
)
RETURNS ledger.hold_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(grow_hold.owner_id, grow_hold.asset);
    v_hold ledger.holds;
    v_kept ledger.hold_growths;
    v_rule record;
    v_most bigint;
    v_has_budgets boolean;
BEGIN
    SELECT * INTO STRICT v_hold
    FROM ledger.holds
    WHERE owner_id = grow_hold.owner_id AND app = grow_hold.app AND nonce = grow_hold.hold_nonce;
    IF EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(grow_hold.app, grow_hold.nonce)) THEN
        SELECT * INTO v_kept
        FROM ledger.hold_growths
        WHERE owner_id = grow_hold.owner_id AND app = grow_hold.app AND nonce = grow_hold.nonce;
        IF (v_kept.hold_nonce = grow_hold.hold_nonce AND v_kept.amount = grow_hold.by) IS NOT TRUE THEN
            PERFORM ledger_core.refuse_nonce(grow_hold.app, grow_hold.nonce);
        END IF;
        RETURN ledger_core.as_hold(v_hold, TRUE);
    END IF;

    IF v_hold.status <> 'open' THEN
        PERFORM ledger_core.refuse_closed_hold(grow_hold.app, grow_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(grow_hold.owner_id, grow_hold.asset, v_account.frozen_at);
    END IF;
    SELECT min_amount, is_budgeted INTO STRICT v_rule
    FROM ledger_core.rules_in_force
    WHERE app = v_hold.app AND operation = v_hold.operation;
    v_most := greatest(-v_rule.min_amount - v_hold.amount, 0);
    IF grow_hold.by NOT BETWEEN 1 AND v_most THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object(
                'operation', v_hold.operation, 'by', grow_hold.by, 'min_by', 1, 'max_by', v_most,
                'amount', v_hold.amount
            ),
            'A hold grows by a positive number, within the bounds of its operation.'
        );
    END IF;
    IF v_rule.is_budgeted THEN
        PERFORM ledger_core.begin_budgets(grow_hold.owner_id, grow_hold.asset);
    END IF;
    PERFORM ledger_core.hold_from_lots(v_hold, grow_hold.by, v_account);
    v_hold.amount := v_hold.amount + grow_hold.by;
    -- Waits for a transaction that is taking the same nonce.
    WITH taken AS (
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (grow_hold.app, grow_hold.nonce)
        ON CONFLICT DO NOTHING
        RETURNING 1
    ),

    grown AS (
        INSERT INTO ledger.hold_growths (owner_id, asset, app, nonce, hold_nonce, amount, grown_at)
        SELECT
            grow_hold.owner_id, grow_hold.asset, grow_hold.app, grow_hold.nonce, grow_hold.hold_nonce, grow_hold.by,
            v_account.now
        FROM taken
    ),

    journaled AS (
        INSERT INTO ledger.hold_events (
            owner_id, asset, app, hold_nonce, event, happened_at, event_seq, hold, xact_id, hash
        )
        SELECT
            grow_hold.owner_id, grow_hold.asset, grow_hold.app, grow_hold.hold_nonce, 'grown', v_account.now, line.*
        FROM taken
        CROSS JOIN (
            SELECT jsonb_object_agg(hold_lots.lot_seq, hold_lots.amount) AS lots
            FROM ledger.hold_lots
            WHERE hold_lots.owner_id = grow_hold.owner_id AND hold_lots.app = grow_hold.app
                AND hold_lots.hold_nonce = grow_hold.hold_nonce
        ) AS reserved
        CROSS JOIN LATERAL ledger_core.noted_line(
            v_hold,
            ledger_core.noted_hold(v_hold, reserved.lots)
            || jsonb_build_object('growth', ledger_core.noted_growth(grow_hold.nonce, grow_hold.by, v_account.now)),
            'grown', v_account.now, NULL
        ) AS line
    ),

    counted AS (
        UPDATE ledger.accounts
        SET held = held + grow_hold.by
        FROM taken
        WHERE owner_id = grow_hold.owner_id AND asset = grow_hold.asset
        RETURNING has_budgets
    )

    UPDATE ledger.holds
    SET amount = v_hold.amount
    FROM counted
    WHERE owner_id = grow_hold.owner_id AND app = grow_hold.app AND nonce = grow_hold.hold_nonce
    RETURNING counted.has_budgets INTO v_has_budgets;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(grow_hold.app, grow_hold.nonce);
    END IF;
    IF v_has_budgets THEN
        PERFORM ledger_core.count_in_budgets(
            v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.operation, v_hold.spender, v_hold.placed_at, 0, grow_hold.by
        );
    END IF;
    RETURN ledger_core.as_hold(v_hold, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.grow_hold IS
'Reserves by (positive) more for an open hold of the account, under a nonce of its own. Raises LG002, LG201, LG301, LG303,
LG304, LG307.';
