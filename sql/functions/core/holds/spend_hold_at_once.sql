-- requires: dropped/0.1_answers
-- requires: functions/core/journals/hold_line
-- requires: functions/core/entries/hashed_entry, functions/core/entries/hashed_options, functions/core/entries/next_expiry
-- requires: functions/core/allowances/next_allowance
-- The account is read without a lock, as by ledger_core.open_hold_at_once.
CREATE OR REPLACE FUNCTION ledger_core.spend_hold_at_once(
    owner_id text, app text, hold_nonce text, nonce text, amount bigint, final boolean, metadata jsonb
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
    v_found record;
    v_hold ledger.holds;
    v_entry ledger.entries;
    v_reserved bigint;
    v_freed bigint;
    v_takes_all boolean;
    v_closes boolean;
    v_is_last boolean;
    v_spent record;
BEGIN
    SELECT
        holds AS hold,
        accounts.xmin AS version,
        accounts.balance,
        accounts.held,
        accounts.last_seq,
        accounts.last_entry_at,
        accounts.next_due_at,
        accounts.head_hash,
        EXISTS (
            SELECT 1 FROM ledger.hold_lots
            WHERE owner_id = holds.owner_id AND app = holds.app AND hold_nonce = holds.nonce
        ) AS has_lots
    INTO v_found
    FROM ledger.holds
    INNER JOIN ledger.accounts ON holds.owner_id = accounts.owner_id AND holds.asset = accounts.asset
    WHERE holds.app = spend_hold_at_once.app AND holds.nonce = spend_hold_at_once.hold_nonce
        AND ledger_core.may_act_for(spend_hold_at_once.app)
        AND (spend_hold_at_once.owner_id IS NULL OR holds.owner_id = spend_hold_at_once.owner_id)
        AND holds.status = 'open'
        AND coalesce(spend_hold_at_once.amount, 1) BETWEEN 1 AND holds.amount - holds.captured
        AND accounts.frozen_at IS NULL AND accounts.next_due_at > v_now AND accounts.last_entry_at <= v_now;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_hold := v_found.hold;
    v_reserved := v_hold.amount - v_hold.captured;
    v_entry.amount := -coalesce(spend_hold_at_once.amount, v_reserved);
    v_takes_all := v_entry.amount = -v_reserved;
    v_closes := spend_hold_at_once.final OR v_takes_all;
    -- The journal keeps what a hold that stays open reserves of lots.
    IF v_found.has_lots AND NOT v_closes THEN
        RETURN NULL;
    END IF;
    -- The account has no other hold, so that only its lots say what is due next.
    v_is_last := v_closes AND v_found.held = v_reserved;
    v_freed := CASE WHEN v_closes THEN v_reserved ELSE -v_entry.amount END;
    v_hold.captured := v_hold.captured - v_entry.amount;
    IF v_closes THEN
        v_hold.status := 'captured';
        v_hold.closed_at := v_now;
    END IF;
    v_entry.owner_id := v_hold.owner_id;
    v_entry.asset := v_hold.asset;
    v_entry.seq := v_found.last_seq + 1;
    v_entry.entry_id := nextval('ledger_core.entry_ids');
    v_entry.app := spend_hold_at_once.app;
    v_entry.operation := v_hold.operation;
    v_entry.balance_after := v_found.balance + v_entry.amount;
    v_entry.nonce := spend_hold_at_once.nonce;
    v_entry.amount_defaulted := spend_hold_at_once.amount IS NULL;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := spend_hold_at_once.metadata;
    v_entry.hold_nonce := spend_hold_at_once.hold_nonce;
    v_entry.hold_final := spend_hold_at_once.final;
    v_entry.spender := v_hold.spender;
    v_entry.recorded_at := v_now;
    v_entry.xact_id := pg_current_xact_id();

    WITH written AS (
        UPDATE ledger.accounts
        SET
            balance = v_entry.balance_after,
            held = held - v_freed,
            last_seq = v_entry.seq,
            last_entry_at = v_now,
            next_due_at = CASE
                WHEN v_is_last THEN least(
                    (SELECT due_at FROM ledger_core.next_expiry(v_entry.owner_id, v_entry.asset)),
                    (SELECT due_at FROM ledger_core.next_allowance(v_entry.owner_id, v_entry.asset))
                )
                ELSE next_due_at
            END,
            head_hash = ledger_core.chain_hash(head_hash, ledger_core.hashed_entry(
                v_entry, ledger_core.hashed_options(v_entry), v_entry.seq, v_entry.balance_after, v_now
            ))
        WHERE owner_id = v_entry.owner_id AND asset = v_entry.asset AND xmin = v_found.version
        RETURNING head_hash, has_budgets, debt
    ),

    -- Waits for a transaction that is taking the same nonce.
    taken AS (
        INSERT INTO ledger_core.nonces (app, nonce)
        SELECT v_entry.app, v_entry.nonce FROM written
        ON CONFLICT DO NOTHING
        RETURNING 1
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
        FROM taken
        CROSS JOIN written
        -- Entries older than ledger_core.nonces have their nonces in their own index only.
        ON CONFLICT (app, nonce) DO NOTHING
        RETURNING 1
    ),

    spent AS (
        UPDATE ledger.holds
        SET captured = v_hold.captured, status = v_hold.status, closed_at = v_hold.closed_at
        FROM recorded
        WHERE owner_id = v_hold.owner_id AND app = v_hold.app AND nonce = v_hold.nonce
    ),

    journaled AS (
        INSERT INTO ledger.hold_events (
            owner_id, asset, app, hold_nonce, event, happened_at, seq, event_seq, hold, xact_id, hash
        )
        SELECT
            v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.nonce, 'captured', v_now, v_entry.seq, line.*
        FROM recorded
        CROSS JOIN LATERAL ledger_core.hold_line(v_hold, NULL, 'captured', v_now, v_entry.seq) AS line
    )

    SELECT written.has_budgets, written.debt, EXISTS (SELECT 1 FROM recorded) AS is_recorded INTO v_spent
    FROM written;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF NOT v_spent.is_recorded THEN
        -- The nonce was taken. Restore the account: cheaper than looking for the nonce before, in every call.
        UPDATE ledger.accounts
        SET
            balance = v_found.balance,
            held = v_found.held,
            last_seq = v_found.last_seq,
            last_entry_at = v_found.last_entry_at,
            next_due_at = v_found.next_due_at,
            head_hash = v_found.head_hash
        WHERE owner_id = v_entry.owner_id AND asset = v_entry.asset;
        RETURN NULL;
    END IF;

    IF v_found.has_lots AND v_takes_all THEN
        -- As ledger_core.release_held_lots, for which nothing is left to tell apart.
        WITH reserved AS (
            DELETE FROM ledger.hold_lots
            WHERE owner_id = v_hold.owner_id AND app = v_hold.app AND hold_nonce = v_hold.nonce
            RETURNING lot_seq, amount
        ),

        moved AS (
            INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
            SELECT v_entry.owner_id, v_entry.asset, v_entry.seq, reserved.lot_seq, reserved.amount
            FROM reserved
        )

        UPDATE ledger.lots
        SET remaining = lots.remaining - reserved.amount, held = lots.held - reserved.amount
        FROM reserved
        WHERE lots.owner_id = v_entry.owner_id AND lots.asset = v_entry.asset AND lots.seq = reserved.lot_seq;
    ELSIF v_found.has_lots THEN
        PERFORM ledger_core.release_held_lots(
            v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.nonce, -v_entry.amount, v_reserved, v_entry.seq
        );
    END IF;
    IF v_spent.has_budgets THEN
        PERFORM ledger_core.move_in_budgets(
            v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.operation, v_hold.spender, v_hold.placed_at,
            -v_entry.amount, -v_freed
        );
    END IF;
    IF v_spent.debt > 0 THEN
        PERFORM ledger_core.note_debt(v_entry.owner_id, v_entry.asset);
    END IF;
    IF v_found.has_lots AND NOT v_takes_all THEN
        -- What expired while it was reserved
        PERFORM ledger_core.expire_lots(v_entry.owner_id, v_entry.asset, v_now);
        PERFORM ledger_core.note_next_due(v_entry.owner_id, v_entry.asset);
    ELSIF v_closes AND NOT v_is_last THEN
        PERFORM ledger_core.note_next_due(v_entry.owner_id, v_entry.asset);
    END IF;
    RETURN ledger_core.as_recorded(v_entry, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.spend_hold_at_once IS
'Captures amount (positive; null: all) of what a hold reserves like ledger_core.spend_hold, but in a query and a statement, and
another for lots. Changes nothing and returns null if more is needed, also if there is no such hold of the app, for which
the caller may act. owner_id: whose hold it must be, null for anybody''s. final: end the hold.';
