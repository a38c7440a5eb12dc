-- Times and intervals as JSON follow the settings of the session, unless a function has its own.
CREATE OR REPLACE FUNCTION ledger_core.noted_operation(operation ledger.operations)
RETURNS jsonb
LANGUAGE sql
STABLE
SET timezone = 'UTC'
SET intervalstyle = 'postgres'
AS $$
SELECT to_jsonb(noted_operation.operation) - '{operation,unit_amount,unit_size,rounding,max_debt,credit_class,priority,usable_for,usable_in,transferable}'::text []
    || jsonb_strip_nulls(jsonb_build_object(
        'unit_amount', (noted_operation.operation).unit_amount,
        'unit_size', (noted_operation.operation).unit_size,
        'rounding', (noted_operation.operation).rounding,
        'max_debt', (noted_operation.operation).max_debt,
        'credit_class', (noted_operation.operation).credit_class,
        'priority', (noted_operation.operation).priority,
        'usable_for', (noted_operation.operation).usable_for,
        'usable_in', (noted_operation.operation).usable_in,
        'transferable', (noted_operation.operation).transferable
    ))
$$;

COMMENT ON FUNCTION ledger_core.noted_operation IS
'The rule of an operation as ledger.operation_changes keeps it, the same in every session. What older releases
did not have is there only if it is not null.';
