-- requires: functions/core/allowances/fills_debts, functions/core/lots/is_classed
-- requires: functions/core/allowances/boundary, functions/core/allowances/is_granted
-- requires: functions/core/allowances/next_ungranted, functions/core/allowances/occurrence_at
-- requires: functions/core/allowances/rewound, functions/core/allowances/was_ahead
-- The one place that says what comes from allowances, and when: ledger_core.clock_events adds holds and lots, and
-- ledger_core.settle records what that returns.
CREATE OR REPLACE FUNCTION ledger_core.allowance_schedule(
    owner_id text, asset text, seen_until timestamptz, until timestamptz, most integer DEFAULT 2147483647
)
RETURNS TABLE (
    at timestamptz,
    kind text,
    amount bigint,
    expires_at timestamptz,
    free bigint,
    app text,
    nonce text,
    operation text,
    occurrence integer
)
LANGUAGE plpgsql
STABLE
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_allowances ledger.allowances [] := array(
        SELECT allowances
        FROM ledger.allowances
        WHERE owner_id = allowance_schedule.owner_id AND asset = allowance_schedule.asset AND next_at < 'infinity'
        ORDER BY app, nonce
    );
    v_account record;
    v_moment timestamptz;
    v_moments integer := 0;
    v_missing bigint := 0;
    v_filled bigint := 0;
    v_granted bigint := 0;
    v_left bigint [];
    v_occurrence integer;
    v_allowance ledger.allowances;
BEGIN
    SELECT balance, min_balance, debt, frozen_at IS NULL AND ledger_core.was_ahead(last_entry_at, seen_until) AS was_ahead
    INTO v_account
    FROM ledger.accounts
    WHERE owner_id = allowance_schedule.owner_id AND asset = allowance_schedule.asset;
    -- As the next write will find them: see ledger_core.rewind_allowances.
    IF v_account.was_ahead THEN
        v_allowances := array(
            SELECT jsonb_populate_record(kept, jsonb_build_object(
                'next_occurrence', coalesce(rewound.occurrence, kept.next_occurrence),
                'next_at', coalesce(rewound.due_at, kept.next_at)
            ))
            FROM ledger.allowances AS kept
            LEFT JOIN LATERAL ledger_core.rewound(kept, allowance_schedule.seen_until) AS rewound ON TRUE
            WHERE kept.owner_id = allowance_schedule.owner_id AND kept.asset = allowance_schedule.asset
                AND coalesce(rewound.due_at, kept.next_at) < 'infinity'
            ORDER BY kept.app, kept.nonce
        );
    END IF;
    IF cardinality(v_allowances) = 0 THEN
        RETURN;
    END IF;
    -- Null: what is left of the period before has to be looked up.
    v_left := array_fill(NULL::bigint, ARRAY[cardinality(v_allowances)]);

    LOOP
        v_moment := 'infinity';
        FOREACH v_allowance IN ARRAY v_allowances LOOP
            v_moment := least(v_moment, v_allowance.next_at);
        END LOOP;
        EXIT WHEN v_moment = 'infinity' OR v_moment > allowance_schedule.until;
        IF v_moment > allowance_schedule.seen_until THEN
            v_moments := v_moments + 1;
            EXIT WHEN v_moments > allowance_schedule.most;
        END IF;
        -- As ledger_core.grant_lot will fill it.
        IF v_account.min_balance < 0 OR v_account.debt > 0 THEN
            v_missing := ledger_core.missing_beside_lots(
                allowance_schedule.owner_id, allowance_schedule.asset, v_moment
            ) - v_filled;
        END IF;

        -- A period that went by unseen leaves nothing but what is carried over from it, unless something is missing.
        FOR v_number IN 1..cardinality(v_allowances) LOOP
            v_allowance := v_allowances[v_number];
            CONTINUE WHEN v_missing > 0 AND ledger_core.fills_debts(v_allowance) OR v_allowance.next_at <> v_moment
                OR ledger_core.boundary(v_allowance, v_allowance.next_occurrence + 1) > allowance_schedule.seen_until;
            v_occurrence := ledger_core.occurrence_at(v_allowance, allowance_schedule.seen_until)
            - CASE WHEN v_allowance.carry_over_most > 0 THEN v_allowance.carry_over_for ELSE 0 END;
            CONTINUE WHEN v_occurrence <= v_allowance.next_occurrence;
            v_left[v_number] := NULL;
            v_occurrence := ledger_core.next_ungranted(v_allowance, v_occurrence);
            v_allowances[v_number].next_occurrence := v_occurrence;
            v_allowances[v_number].next_at := CASE
                WHEN ledger_core.is_granted(v_allowance, v_occurrence)
                    THEN ledger_core.boundary(v_allowance, v_occurrence)
                ELSE 'infinity'
            END;
        END LOOP;

        FOR v_number IN 1..cardinality(v_allowances) LOOP
            v_allowance := v_allowances[v_number];
            CONTINUE WHEN v_allowance.next_at <> v_moment OR v_allowance.carry_over_most = 0;
            amount := least(v_allowance.carry_over_most, coalesce(v_left[v_number], ledger_core.left_of_occurrence(
                v_allowance, v_allowance.next_occurrence - 1, v_moment
            )));
            CONTINUE WHEN amount = 0;
            at := v_moment;
            kind := 'carry_over';
            expires_at := ledger_core.boundary(
                v_allowance, v_allowance.next_occurrence + v_allowance.carry_over_for
            );
            free := amount - CASE
                WHEN ledger_core.fills_debts(v_allowance) THEN least(amount, greatest(v_missing, 0))
                ELSE 0
            END;
            app := v_allowance.app;
            nonce := v_allowance.nonce;
            operation := 'CARRY_OVER';
            occurrence := v_allowance.next_occurrence - 1;
            RETURN NEXT;
            v_filled := v_filled + amount - free;
            v_missing := v_missing - (amount - free);
            IF free > 0 THEN
                at := expires_at;
                kind := 'expiry';
                amount := -free;
                RETURN NEXT;
            END IF;
        END LOOP;

        FOR v_number IN 1..cardinality(v_allowances) LOOP
            v_allowance := v_allowances[v_number];
            CONTINUE WHEN v_allowance.next_at <> v_moment;
            at := v_moment;
            kind := 'allowance';
            -- What would pass the greatest balance is left out: nothing may stop the clock.
            amount := CASE
                WHEN v_account.balance + v_granted + v_allowance.amount <= ledger_core.max_amount()
                    THEN v_allowance.amount
                ELSE 0
            END;
            expires_at := CASE
                WHEN v_allowance.period IS NULL THEN ledger_core.add_interval_in_zone(
                    v_moment, v_allowance.expires_after, v_allowance.time_zone
                )
                ELSE ledger_core.boundary(v_allowance, v_allowance.next_occurrence + 1)
            END;
            free := amount - CASE
                WHEN ledger_core.fills_debts(v_allowance) THEN least(amount, greatest(v_missing, 0))
                ELSE 0
            END;
            app := v_allowance.app;
            nonce := v_allowance.nonce;
            operation := v_allowance.operation;
            occurrence := v_allowance.next_occurrence;
            RETURN NEXT;
            v_granted := v_granted + amount;
            v_filled := v_filled + CASE
                WHEN expires_at IS NULL AND NOT ledger_core.is_classed(
                    v_allowance.credit_class, v_allowance.priority, v_allowance.usable_for, v_allowance.usable_in
                ) THEN amount
                ELSE amount - free
            END;
            v_missing := v_missing - (amount - free);
            v_occurrence := ledger_core.next_ungranted(v_allowance, v_allowance.next_occurrence + 1);
            v_left[v_number] := CASE WHEN v_occurrence = v_allowance.next_occurrence + 1 THEN free END;
            v_allowances[v_number].next_occurrence := v_occurrence;
            v_allowances[v_number].next_at := CASE
                WHEN ledger_core.is_granted(v_allowance, v_occurrence) THEN ledger_core.boundary(v_allowance, v_occurrence)
                ELSE 'infinity'
            END;
            IF free > 0 AND expires_at IS NOT NULL THEN
                at := expires_at;
                kind := 'expiry';
                amount := -free;
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;

    -- The next of each, for whoever asks what is to come.
    FOREACH v_allowance IN ARRAY v_allowances LOOP
        IF v_allowance.next_at > allowance_schedule.until AND v_allowance.next_at < 'infinity' THEN
            at := v_allowance.next_at;
            kind := 'allowance';
            amount := v_allowance.amount;
            expires_at := NULL;
            free := NULL;
            app := v_allowance.app;
            nonce := v_allowance.nonce;
            operation := v_allowance.operation;
            occurrence := v_allowance.next_occurrence;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.allowance_schedule IS
'What comes from the allowances of an account until a time, if nobody calls, without writing: kind allowance (the entry of a
period), carry_over (what goes on of the period before), and expiry of the credits of both; in no order.
seen_until: periods that are over by then went by unseen, and are left out as far as nothing follows from them. most: how many
boundaries after seen_until to take. Expiries after until, and the next allowance after it, are there, too.
amount: change of the balance. expires_at: when the credits of the entry expire. free: what of them is not used to fill an
overdraft or a debt. app, nonce: of the allowance. occurrence: the number of the period from which the credits are.';
