CREATE OR REPLACE FUNCTION ledger_core.check_allowed(app text, operation text, amount bigint, quantity bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
    v_amount bigint;
BEGIN
    SELECT * INTO v_rule
    FROM ledger_core.rules_in_force
    WHERE app = check_allowed.app AND operation = check_allowed.operation;
    IF NOT FOUND THEN
        PERFORM ledger_core.check_key('operation', check_allowed.operation);
        PERFORM ledger_core.refuse(
            CASE
                WHEN EXISTS (SELECT 1 FROM ledger.operations WHERE operation = check_allowed.operation)
                    THEN 'operation_not_allowed'
                ELSE 'unknown_operation'
            END,
            jsonb_build_object('app', check_allowed.app, 'operation', check_allowed.operation)
        );
    END IF;
    IF v_rule.retired_at IS NOT NULL THEN
        PERFORM ledger_core.refuse('operation_not_allowed', jsonb_build_object(
            'app', check_allowed.app, 'operation', check_allowed.operation,
            'retired_at', ledger_core.json_time(v_rule.retired_at)
        ), 'The operation is retired.');
    ELSIF v_rule.transferable THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object(
                'field', 'operation', 'reason', 'moves credits from one owner to another',
                'operation', check_allowed.operation
            ),
            'Use ledger.transfer_credits, or an item of a batch with to_owner_id.'
        );
    END IF;

    IF check_allowed.quantity IS NOT NULL THEN
        IF v_rule.unit_amount IS NULL THEN
            PERFORM ledger_core.refuse_quantity(check_allowed.operation);
        END IF;
        v_amount := ledger_core.amount_of_quantity(
            check_allowed.quantity, v_rule.unit_amount, v_rule.unit_size, v_rule.rounding
        );
    ELSE
        v_amount := coalesce(check_allowed.amount, v_rule.default_amount);
    END IF;
    IF v_amount IS NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'amount',
            'reason', CASE
                WHEN v_rule.unit_amount IS NULL THEN 'is required: the operation has no default'
                ELSE 'or quantity is required: the operation has no default'
            END,
            'operation', check_allowed.operation, 'min_amount', v_rule.min_amount, 'max_amount', v_rule.max_amount
        ));
    ELSIF v_amount NOT BETWEEN v_rule.min_amount AND v_rule.max_amount THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object(
                'operation', check_allowed.operation, 'amount', v_amount,
                'min_amount', v_rule.min_amount, 'max_amount', v_rule.max_amount
            ) || ledger_core.priced_detail(
                check_allowed.quantity, v_rule.unit_amount, v_rule.unit_size, v_rule.rounding
            ),
            format(
                'The amount of %s is from %s to %s%s',
                check_allowed.operation, v_rule.min_amount, v_rule.max_amount,
                -- The one mistake that everybody makes: a debit written as a positive number.
                CASE
                    WHEN -v_amount::numeric BETWEEN v_rule.min_amount AND v_rule.max_amount
                        THEN format('; did you mean %s?', -v_amount::numeric)
                    ELSE '.'
                END
            )
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_allowed IS
'Raises LG001, LG002, LG102 or LG103 unless the app''s rule for the operation allows the amount (signed; null takes the
default) or the amount of the quantity.';
