CREATE OR REPLACE FUNCTION ledger_core.noted_app_operation(allowed ledger.app_operations)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
AS $$
SELECT jsonb_build_object(
    'default_amount', allowed.default_amount, 'min_amount', allowed.min_amount, 'max_amount', allowed.max_amount
) || jsonb_strip_nulls(jsonb_build_object(
    'unit_amount', allowed.unit_amount, 'unit_size', allowed.unit_size, 'rounding', allowed.rounding
))
$$;

COMMENT ON FUNCTION ledger_core.noted_app_operation IS
'The default, bounds and price of an app for an operation as ledger.operation_changes keeps them. What older releases did not
have is there only if it is not null.';
