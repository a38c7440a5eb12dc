-- requires: dropped/0.1_answers
-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.place_hold(
    app text,
    owner_id text,
    operation text,
    nonce text,
    amount bigint DEFAULT NULL,
    expires_in interval DEFAULT '15 minutes',
    metadata jsonb DEFAULT NULL,
    spender text DEFAULT NULL,
    quantity bigint DEFAULT NULL
)
RETURNS ledger.hold_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
    v_rule record;
    v_amount bigint;
    v_is_known boolean := FALSE;
    v_hold ledger.holds;
    v_placed ledger.hold_row;
BEGIN
    SELECT
        asset,
        min_amount,
        max_amount,
        claim_limit,
        may_record,
        is_budgeted,
        unit_amount,
        unit_size,
        rounding,
        ledger_core.is_key(place_hold.owner_id)
        AND ledger_core.is_nonce(place_hold.nonce)
        AND (place_hold.metadata IS NULL OR ledger_core.is_metadata(place_hold.metadata))
        AND ledger_core.is_span(place_hold.expires_in, interval '366 days')
        AND ledger_core.is_spender(place_hold.spender)
        AND ledger_core.may_act_for(app) AS sound,
        account.version,
        account.has_budgets,
        account.lot_seq,
        account.free_of_lot
    INTO v_rule
    FROM ledger_core.rules_in_force
    LEFT JOIN LATERAL ledger_core.account_to_hold(
        place_hold.owner_id, asset, place_hold.app, place_hold.nonce, v_now
    ) AS account ON TRUE
    WHERE app = place_hold.app AND operation = place_hold.operation;
    IF v_rule.sound IS NOT TRUE THEN
        PERFORM ledger_core.check_request(place_hold.owner_id, place_hold.nonce, place_hold.metadata, NULL);
        PERFORM ledger_core.check_nonce(place_hold.app, place_hold.nonce);
        PERFORM ledger_core.check_expires_in(place_hold.expires_in);
        PERFORM ledger_core.check_spender(place_hold.spender);
        PERFORM ledger_core.check_authorized(place_hold.app);
    END IF;

    IF place_hold.quantity IS NULL THEN
        v_amount := place_hold.amount;
    ELSE
        PERFORM ledger_core.check_measure(place_hold.amount, place_hold.quantity);
        v_amount := -ledger_core.amount_of_quantity(
            place_hold.quantity, v_rule.unit_amount, v_rule.unit_size, v_rule.rounding
        );
    END IF;
    IF NOT v_rule.may_record
        OR (v_amount BETWEEN greatest(1, -v_rule.max_amount) AND -v_rule.min_amount) IS NOT TRUE
    THEN
        -- A retry of what was placed before still gets its answer.
        v_is_known := EXISTS (SELECT 1 FROM ledger.holds WHERE app = place_hold.app AND nonce = place_hold.nonce);
    END IF;
    IF v_rule.min_amount IS NULL OR (NOT v_rule.may_record AND NOT v_is_known) THEN
        PERFORM ledger_core.check_allowed(place_hold.app, place_hold.operation, NULL, NULL);
    ELSIF v_rule.min_amount >= 0 OR v_rule.claim_limit IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'operation', 'reason', 'cannot be held: only a debit without claim limit can',
            'operation', place_hold.operation
        ));
    ELSIF num_nulls(place_hold.amount, place_hold.quantity) = 2 THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'amount',
            'reason', CASE WHEN v_rule.unit_amount IS NULL THEN 'is required' ELSE 'or quantity is required' END
        ));
    ELSIF (v_amount BETWEEN greatest(1, -v_rule.max_amount) AND -v_rule.min_amount) IS NOT TRUE
        AND NOT v_is_known
    THEN
        IF v_amount IS NULL THEN
            PERFORM ledger_core.refuse_quantity(place_hold.operation);
        END IF;
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object(
                'operation', place_hold.operation, 'amount', v_amount,
                'min_amount', greatest(1, -v_rule.max_amount), 'max_amount', -v_rule.min_amount
            ) || ledger_core.priced_detail(
                place_hold.quantity, v_rule.unit_amount, v_rule.unit_size, v_rule.rounding
            ),
            format(
                'A hold of %s is from %s to %s%s',
                place_hold.operation, greatest(1, -v_rule.max_amount), -v_rule.min_amount,
                CASE
                    WHEN place_hold.amount BETWEEN v_rule.min_amount AND v_rule.max_amount
                        THEN format('; did you mean %s?', -place_hold.amount)
                    ELSE '.'
                END
            )
        );
    END IF;
    v_hold.owner_id := place_hold.owner_id;
    v_hold.asset := v_rule.asset;
    v_hold.app := place_hold.app;
    v_hold.operation := place_hold.operation;
    v_hold.nonce := place_hold.nonce;
    v_hold.amount := v_amount;
    v_hold.expires_in := place_hold.expires_in;
    v_hold.metadata := place_hold.metadata;
    v_hold.spender := place_hold.spender;
    IF place_hold.quantity IS NOT NULL THEN
        v_hold.quantity := place_hold.quantity;
        v_hold.unit_amount := v_rule.unit_amount;
        v_hold.unit_size := v_rule.unit_size;
        v_hold.rounding := v_rule.rounding;
    END IF;
    IF v_rule.version IS NOT NULL
        AND (v_rule.has_budgets OR NOT v_rule.is_budgeted)
        AND (v_rule.free_of_lot > v_amount) IS NOT FALSE
        AND ledger_core.is_addressable(place_hold.nonce)
    THEN
        v_hold.placed_at := v_now;
        v_placed := ledger_core.open_hold_at_once(v_hold, v_rule.version, v_rule.lot_seq);
        IF v_placed.owner_id IS NOT NULL THEN
            RETURN v_placed;
        END IF;
    END IF;

    IF v_rule.is_budgeted THEN
        PERFORM ledger_core.begin_budgets(place_hold.owner_id, v_rule.asset);
    END IF;
    RETURN ledger_core.open_hold(v_hold);
END
$$;

COMMENT ON FUNCTION ledger.place_hold IS
'Reserves credits of an owner for a debit whose final amount is not known yet, and returns the hold; replayed is true if
the same request had placed it before. A hold lowers available, not balance.
amount: how much to reserve, a positive number of whole units within the bounds of the operation. expires_in: when the hold
ends by itself, at most 366 days. The nonce names the hold, and must not be that of an entry, nor . or .. (which no
URL can contain as a part of its path).
spender: who of the owner''s members, keys or sessions it is for; captures have the same. quantity: how much is likely to be
used, from 0 to 2^53 - 1, in place of amount; the operation''s price makes the amount of it, and holds for captures by quantity.
Credits under a hold do not expire until it ends. Raises LG001, LG002, LG101, LG102, LG103, LG201, LG301, LG303, LG307, LG401.';
