CREATE OR REPLACE FUNCTION ledger_core.check_quantity(quantity bigint)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF quantity IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'quantity', 'reason', 'the operation has no price by quantity'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_quantity IS
'Raises LG001 for a quantity of an operation without a price by quantity.';
