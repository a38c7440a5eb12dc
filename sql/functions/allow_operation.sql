CREATE OR REPLACE FUNCTION ledger.allow_operation(
    app text,
    operation text,
    default_amount bigint DEFAULT NULL,
    min_amount bigint DEFAULT NULL,
    max_amount bigint DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger.apps WHERE app = allow_operation.app) THEN
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', allow_operation.app));
    ELSIF NOT EXISTS (SELECT 1 FROM ledger.operations WHERE operation = allow_operation.operation) THEN
        PERFORM ledger_core.refuse(
            'unknown_operation', jsonb_build_object('operation', allow_operation.operation),
            'Define it with ledger.define_operation.'
        );
    END IF;
    PERFORM ledger_core.allow_operation(
        allow_operation.app, allow_operation.operation, allow_operation.default_amount, allow_operation.min_amount,
        allow_operation.max_amount, TRUE
    );
END
$$;

COMMENT ON FUNCTION ledger.allow_operation IS
'Adds an operation to an app, or changes its default and bounds there: signed whole units; null takes those of the
operation.
They must lie within those of the operation (LG904 at commit).
Can be called again. For operators and migrations. Raises LG101, LG102.';
