-- requires: dropped/0.1_answers
-- requires: functions/core/requests/uses_of_nonce, functions/core/journals/hold_line
-- requires: functions/core/entries/hashed_entry, functions/core/entries/next_expiry, functions/core/allowances/next_allowance
CREATE OR REPLACE FUNCTION ledger_core.spend_hold(
    owner_id text,
    asset text,
    app text,
    hold_nonce text,
    nonce text,
    amount bigint,
    final boolean,
    metadata jsonb,
    beyond text,
    quantity bigint
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(spend_hold.owner_id, spend_hold.asset);
    v_found record;
    v_hold ledger.holds;
    v_rule record;
    v_remaining bigint;
    v_amount bigint;
    v_most bigint;
    v_beyond bigint := 0;
    v_unusable bigint := 0;
    v_missing bigint;
    v_debt bigint;
    v_closes boolean;
    v_is_last boolean;
    v_next_due_at timestamptz := v_account.next_due_at;
    v_lots jsonb;
    v_entry ledger.entries;
    v_options text;
    v_has_budgets boolean;
BEGIN
    SELECT
        holds AS hold,
        -- The account, and so perhaps the hold
        EXISTS (
            SELECT 1 FROM ledger.lots
            WHERE owner_id = spend_hold.owner_id AND asset = spend_hold.asset AND remaining > 0
        ) AS has_lots,
        EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(spend_hold.app, spend_hold.nonce)) AS is_used
    INTO STRICT v_found
    FROM ledger.holds
    WHERE owner_id = spend_hold.owner_id AND app = spend_hold.app AND nonce = spend_hold.hold_nonce;
    v_hold := v_found.hold;
    v_remaining := v_hold.amount - v_hold.captured;
    v_entry.owner_id := spend_hold.owner_id;
    v_entry.asset := spend_hold.asset;
    v_entry.app := spend_hold.app;
    v_entry.operation := v_hold.operation;
    v_entry.nonce := spend_hold.nonce;
    v_entry.amount := -ledger_core.within_amounts(spend_hold.amount);
    v_entry.amount_defaulted := spend_hold.amount IS NULL;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := spend_hold.metadata;
    v_entry.hold_nonce := spend_hold.hold_nonce;
    v_entry.hold_final := spend_hold.final;
    v_entry.spender := v_hold.spender;
    v_entry.quantity := spend_hold.quantity;
    v_entry.overdrawn := CASE spend_hold.beyond WHEN 'available' THEN FALSE WHEN 'debt' THEN TRUE END;
    v_entry.seq := v_account.last_seq + 1;
    v_entry.recorded_at := v_account.now;
    IF v_found.is_used THEN
        RETURN ledger_core.replay_of(v_entry);
    END IF;

    IF v_hold.status <> 'open' THEN
        PERFORM ledger_core.refuse_closed_hold(spend_hold.app, spend_hold.hold_nonce, v_hold.status, v_hold.closed_at);
    ELSIF v_account.frozen_at IS NOT NULL THEN
        PERFORM ledger_core.refuse_frozen(spend_hold.owner_id, spend_hold.asset, v_account.frozen_at);
    END IF;
    v_entry.overdrawn := NULL;
    IF spend_hold.quantity IS NOT NULL OR spend_hold.amount > v_remaining THEN
        SELECT min_amount, unit_amount, unit_size, rounding, max_debt, is_budgeted INTO v_rule
        FROM ledger_core.rules_in_force
        WHERE app = v_hold.app AND operation = v_hold.operation;
    END IF;
    IF spend_hold.quantity IS NULL THEN
        v_amount := coalesce(spend_hold.amount, v_remaining);
    ELSE
        -- A hold that was placed by quantity was promised a price.
        v_entry.unit_amount := coalesce(v_hold.unit_amount, v_rule.unit_amount);
        v_entry.unit_size := coalesce(v_hold.unit_size, v_rule.unit_size);
        v_entry.rounding := coalesce(v_hold.rounding, v_rule.rounding);
        IF v_entry.unit_amount IS NULL THEN
            PERFORM ledger_core.refuse_quantity(v_hold.operation);
        END IF;
        v_amount := -ledger_core.amount_of_quantity(
            spend_hold.quantity, v_entry.unit_amount, v_entry.unit_size, v_entry.rounding
        );
    END IF;
    v_most := v_remaining;
    IF v_amount > v_remaining AND spend_hold.beyond <> 'refuse' THEN
        -- All that is captured of a hold is one debit of its operation.
        v_most := greatest(v_remaining, -v_rule.min_amount - v_hold.captured);
    END IF;
    IF v_amount NOT BETWEEN 1 AND v_most THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', v_amount, 'min_amount', 1, 'max_amount', v_most) || ledger_core.priced_detail(
                spend_hold.quantity, v_entry.unit_amount, v_entry.unit_size, v_entry.rounding
            ),
            CASE
                WHEN v_amount BETWEEN -v_remaining AND -1
                    THEN format('A capture is a positive number; did you mean %s?', -v_amount)
                WHEN v_amount > v_remaining AND spend_hold.beyond = 'refuse'
                    THEN 'Capture at most what the hold still reserves, or say with beyond (available, debt) where the rest comes from.'
                WHEN v_most > v_remaining
                    THEN 'All that is captured of a hold stays within the bounds of its operation.'
                ELSE 'Capture at most what the hold still reserves; release a hold of which nothing was used.'
            END
        );
    END IF;
    IF v_amount > v_remaining THEN
        v_beyond := v_amount - v_remaining;
        IF v_found.has_lots THEN
            v_unusable := ledger_core.unusable(v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.operation);
        END IF;
        v_missing := v_beyond - (v_account.balance - v_account.held - v_unusable - v_account.min_balance);
        v_entry.overdrawn := v_missing > 0;
        IF v_missing > (CASE spend_hold.beyond WHEN 'debt' THEN v_rule.max_debt ELSE 0 END) THEN
            PERFORM ledger_core.refuse('insufficient_balance', jsonb_strip_nulls(jsonb_build_object(
                'owner_id', spend_hold.owner_id, 'asset', spend_hold.asset,
                'available', v_account.balance - v_account.held - v_unusable, 'required', v_beyond,
                'min_balance', v_account.min_balance, 'available_to_others', nullif(v_unusable, 0),
                'max_debt', CASE spend_hold.beyond WHEN 'debt' THEN v_rule.max_debt END
            )), CASE spend_hold.beyond
                WHEN 'debt'
                    THEN 'Nothing was taken. The debt would be more than max_debt of the operation. Add credits, or capture less.'
            END);
        END IF;
        IF v_rule.is_budgeted THEN
            PERFORM ledger_core.begin_budgets(spend_hold.owner_id, spend_hold.asset);
        END IF;
    END IF;

    v_closes := spend_hold.final OR v_amount >= v_remaining;
    -- The account has no other hold, so that only its lots say what is due next.
    v_is_last := v_closes AND v_account.held = v_remaining;
    IF v_found.has_lots AND v_beyond > 0 THEN
        PERFORM ledger_core.take_beyond_lots(
            v_hold, v_entry.seq, v_beyond, v_account.balance - v_account.held
        );
    ELSIF v_found.has_lots AND v_closes THEN
        PERFORM ledger_core.release_held_lots(
            spend_hold.owner_id, spend_hold.asset, spend_hold.app, spend_hold.hold_nonce, v_amount, v_remaining, v_entry.seq
        );
    ELSIF v_found.has_lots THEN
        PERFORM ledger_core.take_held_lots(
            spend_hold.owner_id, spend_hold.asset, spend_hold.app, spend_hold.hold_nonce, v_entry.seq, v_amount, v_remaining
        );
        SELECT jsonb_object_agg(lot_seq, amount) INTO v_lots
        FROM ledger.hold_lots
        WHERE owner_id = spend_hold.owner_id AND app = spend_hold.app AND hold_nonce = spend_hold.hold_nonce;
    END IF;
    IF v_is_last AND v_found.has_lots THEN
        SELECT due_at INTO v_next_due_at FROM ledger_core.next_expiry(spend_hold.owner_id, spend_hold.asset);
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
        INSERT INTO ledger_core.nonces (app, nonce) VALUES (spend_hold.app, spend_hold.nonce)
        ON CONFLICT DO NOTHING
        RETURNING 1
    ),

    written AS (
        UPDATE ledger.accounts
        SET
            balance = v_entry.balance_after,
            held = held - v_remaining,
            debt = greatest(debt, CASE WHEN v_entry.overdrawn THEN v_missing END),
            last_seq = v_entry.seq,
            last_entry_at = v_account.now,
            in_order_from = CASE WHEN last_entry_at <= v_account.now THEN in_order_from ELSE v_entry.seq END,
            next_due_at = CASE
                WHEN v_is_last THEN least(
                    v_next_due_at,
                    (SELECT due_at FROM ledger_core.next_allowance(spend_hold.owner_id, spend_hold.asset))
                )
                ELSE v_next_due_at
            END,
            head_hash = ledger_core.chain_hash(head_hash, ledger_core.hashed_entry(
                v_entry, v_options, v_entry.seq, v_entry.balance_after, v_account.now
            ))
        FROM taken
        WHERE owner_id = spend_hold.owner_id AND asset = spend_hold.asset
        RETURNING head_hash, has_budgets, debt
    ),

    recorded AS (
        INSERT INTO ledger.entries (
            owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce, amount_defaulted,
            expiry_defaulted, metadata, hold_nonce, hold_final, spender, quantity, unit_amount, unit_size, rounding, overdrawn,
            recorded_at, xact_id, hash
        )
        SELECT
            v_entry.owner_id, v_entry.asset, v_entry.seq, v_entry.entry_id, v_entry.app, v_entry.operation,
            v_entry.amount, v_entry.balance_after, v_entry.nonce, v_entry.amount_defaulted, v_entry.expiry_defaulted,
            v_entry.metadata, v_entry.hold_nonce, v_entry.hold_final, v_entry.spender, v_entry.quantity,
            v_entry.unit_amount, v_entry.unit_size, v_entry.rounding, v_entry.overdrawn, v_entry.recorded_at,
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
    CROSS JOIN written
    WHERE owner_id = spend_hold.owner_id AND app = spend_hold.app AND nonce = spend_hold.hold_nonce
    RETURNING recorded.hash, written.has_budgets, written.debt INTO v_entry.hash, v_has_budgets, v_debt;
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_nonce(spend_hold.app, spend_hold.nonce);
    END IF;

    IF v_has_budgets THEN
        PERFORM ledger_core.move_in_budgets(
            v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.operation, v_hold.spender, v_hold.placed_at,
            v_amount - v_beyond, -v_remaining
        );
        IF v_beyond > 0 THEN
            PERFORM ledger_core.count_in_budgets(
                v_hold.owner_id, v_hold.asset, v_hold.app, v_hold.operation, v_hold.spender, v_hold.placed_at, v_beyond, 0
            );
        END IF;
    END IF;
    IF v_debt > 0 THEN
        PERFORM ledger_core.note_debt(spend_hold.owner_id, spend_hold.asset);
    END IF;
    IF v_closes AND NOT (v_is_last AND v_next_due_at > v_account.now) THEN
        -- What expired while it was reserved, and other holds
        IF v_found.has_lots THEN
            PERFORM ledger_core.expire_lots(spend_hold.owner_id, spend_hold.asset, v_account.now);
        END IF;
        PERFORM ledger_core.note_next_due(spend_hold.owner_id, spend_hold.asset);
    END IF;
    RETURN ledger_core.as_recorded(v_entry, FALSE);
END
$$;

COMMENT ON FUNCTION ledger_core.spend_hold IS
'Spends amount (positive; null: all), or the amount of quantity, of what a hold of the account reserves, from the lots that it
reserves. final: end the hold. beyond: refuse, available or debt, for an amount that is more; the rest is taken as a spend
would take it. Raises LG001, LG002, LG201, LG301, LG303, LG304, LG307.';
