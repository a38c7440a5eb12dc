CREATE OR REPLACE FUNCTION ledger_core.refuse_quantity(operation text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
        'field', 'quantity', 'reason', 'the operation has no price by quantity', 'operation', operation
    ));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_quantity IS
'Raises LG001: a request has a quantity, and neither the operation nor the app has a price for it.';
