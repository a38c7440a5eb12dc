CREATE OR REPLACE FUNCTION ledger_core.check_transferable(app text, operation text, amount bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
BEGIN
    SELECT min_amount, max_amount, retired_at, transferable INTO v_rule
    FROM ledger_core.rules_in_force
    WHERE app = check_transferable.app AND operation = check_transferable.operation;
    IF NOT FOUND OR v_rule.retired_at IS NOT NULL THEN
        PERFORM ledger_core.check_allowed(check_transferable.app, check_transferable.operation, NULL, NULL);
    ELSIF NOT v_rule.transferable THEN
        PERFORM ledger_core.refuse('not_transferable', jsonb_build_object(
            'app', check_transferable.app, 'operation', check_transferable.operation
        ));
    ELSIF check_transferable.amount IS NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', 'amount', 'reason', 'is required'));
    ELSIF check_transferable.amount NOT BETWEEN greatest(1, -v_rule.max_amount) AND -v_rule.min_amount THEN
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object(
                'operation', check_transferable.operation, 'amount', check_transferable.amount,
                'min_amount', greatest(1, -v_rule.max_amount), 'max_amount', -v_rule.min_amount
            ),
            'The amount of a transfer is a positive number: how much goes over.'
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_transferable IS
'Raises LG001, LG002, LG102, LG103 or LG309 unless the app''s rule for the operation allows to transfer amount (positive).';
