-- requires: functions/core/requests/is_quantity
CREATE OR REPLACE FUNCTION ledger_core.check_measure(amount bigint, quantity bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF quantity IS NULL THEN
        RETURN;
    ELSIF amount IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'quantity', 'reason', 'cannot be given together with amount: the price makes the amount of it'
        ));
    ELSIF NOT ledger_core.is_quantity(quantity) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'quantity', 'reason', format('must be from 0 to %s', ledger_core.max_amount())
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_measure IS
'Raises LG001 for a quantity that is out of range, or given together with an amount.';
