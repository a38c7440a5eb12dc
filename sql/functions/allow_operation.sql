-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.allow_operation(
    app text,
    operation text,
    default_amount bigint DEFAULT NULL,
    min_amount bigint DEFAULT NULL,
    max_amount bigint DEFAULT NULL,
    unit_amount bigint DEFAULT NULL,
    unit_size bigint DEFAULT NULL,
    rounding text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_allowed ledger.app_operations;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger.apps WHERE app = allow_operation.app) THEN
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', allow_operation.app));
    ELSIF NOT EXISTS (SELECT 1 FROM ledger.operations WHERE operation = allow_operation.operation) THEN
        PERFORM ledger_core.refuse(
            'unknown_operation', jsonb_build_object('operation', allow_operation.operation),
            'Define it with ledger.define_operation.'
        );
    END IF;
    v_allowed.app := allow_operation.app;
    v_allowed.operation := allow_operation.operation;
    v_allowed.default_amount := allow_operation.default_amount;
    v_allowed.min_amount := allow_operation.min_amount;
    v_allowed.max_amount := allow_operation.max_amount;
    v_allowed.unit_amount := allow_operation.unit_amount;
    v_allowed.unit_size := allow_operation.unit_size;
    v_allowed.rounding := allow_operation.rounding;
    IF allow_operation.unit_amount IS NOT NULL THEN
        v_allowed.unit_size := coalesce(v_allowed.unit_size, 1);
        v_allowed.rounding := coalesce(v_allowed.rounding, 'up');
    END IF;
    PERFORM ledger_core.check_price(
        v_allowed.operation, v_allowed.unit_amount, v_allowed.unit_size, v_allowed.rounding
    );
    PERFORM ledger_core.set_app_operation(v_allowed, TRUE);
END
$$;

COMMENT ON FUNCTION ledger.allow_operation IS
'Adds an operation to an app, or changes its default and bounds there: signed whole units; null takes those of the
operation.
They must lie within those of the operation (LG904 at commit).
unit_amount, unit_size, rounding: a price by quantity of its own, as in ledger.define_operation; null takes that of the operation.
Can be called again. For operators and migrations. Raises LG001, LG101, LG102.';
