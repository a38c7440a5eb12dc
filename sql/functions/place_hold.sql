-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.place_hold(
    app text,
    owner_id text,
    operation text,
    nonce text,
    amount bigint,
    expires_in interval DEFAULT '15 minutes',
    metadata jsonb DEFAULT NULL,
    spender text DEFAULT NULL,
    quantity bigint DEFAULT NULL
)
RETURNS ledger.hold
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
    v_hold ledger.holds;
BEGIN
    SELECT
        asset,
        min_amount,
        max_amount,
        claim_limit,
        retired_at,
        ledger_core.is_key(place_hold.owner_id)
        AND ledger_core.is_key(place_hold.nonce)
        AND (place_hold.metadata IS NULL OR ledger_core.is_metadata(place_hold.metadata))
        AND ledger_core.is_span(place_hold.expires_in, interval '366 days')
        AND (place_hold.spender IS NULL OR ledger_core.is_key(place_hold.spender))
        AND ledger_core.may_act_for(app) AS sound
    INTO v_rule
    FROM ledger_core.operation_rules
    WHERE app = place_hold.app AND operation = place_hold.operation;
    IF v_rule.sound IS NOT TRUE THEN
        PERFORM ledger_core.check_request(place_hold.owner_id, place_hold.nonce, place_hold.metadata, NULL);
        PERFORM ledger_core.check_expires_in(place_hold.expires_in);
        PERFORM ledger_core.check_spender(place_hold.spender);
        PERFORM ledger_core.check_authorized(place_hold.app);
    END IF;

    IF v_rule.min_amount IS NULL
        OR (
            v_rule.retired_at IS NOT NULL
            -- A retry of what was placed before still gets its answer.
            AND NOT EXISTS (SELECT 1 FROM ledger.holds WHERE app = place_hold.app AND nonce = place_hold.nonce)
        )
    THEN
        PERFORM ledger_core.check_rule(place_hold.app, place_hold.operation, NULL);
    ELSIF v_rule.min_amount >= 0 OR v_rule.claim_limit IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'operation', 'reason', 'cannot be held: only a debit without claim limit can',
            'operation', place_hold.operation
        ));
    ELSIF place_hold.quantity IS NOT NULL THEN
        PERFORM ledger_core.check_quantity(place_hold.quantity);
    ELSIF place_hold.amount IS NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', 'amount', 'reason', 'is required'));
    ELSIF place_hold.amount NOT BETWEEN greatest(1, -v_rule.max_amount) AND -v_rule.min_amount
        AND NOT EXISTS (SELECT 1 FROM ledger.holds WHERE app = place_hold.app AND nonce = place_hold.nonce)
    THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object(
                'operation', place_hold.operation, 'amount', place_hold.amount,
                'min_amount', greatest(1, -v_rule.max_amount), 'max_amount', -v_rule.min_amount
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
    v_hold.amount := place_hold.amount;
    v_hold.expires_in := place_hold.expires_in;
    v_hold.metadata := place_hold.metadata;
    v_hold.spender := place_hold.spender;
    RETURN ledger_core.open_hold(v_hold);
END
$$;

COMMENT ON FUNCTION ledger.place_hold IS
'Reserves credits of an owner for a debit whose final amount is not known yet, and returns the hold; replayed is true if
the same request had placed it before. A hold lowers available, not balance.
amount: how much to reserve, a positive number of whole units within the bounds of the operation. expires_in: when the hold
ends by itself, at most 366 days. The nonce names the hold, and must not be that of an entry, nor . or .. (which no
URL can contain as a part of its path).
spender: who of the owner''s members, keys or sessions it is for; captures have the same.
Credits under a hold do not expire until it ends. Raises LG001, LG002, LG101, LG102, LG103, LG201, LG301, LG303, LG401.';
