CREATE OR REPLACE FUNCTION ledger_core.set_app_operation(allowed ledger.app_operations, overwrite boolean)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO ledger.app_operations AS kept (
        app, operation, default_amount, min_amount, max_amount, unit_amount, unit_size, rounding, is_budgeted
    )
    VALUES (
        allowed.app, allowed.operation, allowed.default_amount, allowed.min_amount, allowed.max_amount,
        allowed.unit_amount, allowed.unit_size, allowed.rounding,
        ledger_core.is_budgeted(allowed.app, allowed.operation)
    )
    ON CONFLICT (app, operation) DO UPDATE
    SET
        default_amount = excluded.default_amount,
        min_amount = excluded.min_amount,
        max_amount = excluded.max_amount,
        unit_amount = excluded.unit_amount,
        unit_size = excluded.unit_size,
        rounding = excluded.rounding
    WHERE overwrite AND kept IS DISTINCT FROM excluded;
    IF FOUND THEN
        PERFORM ledger_core.journal_change(
            'allowed', allowed.operation, allowed.app, ledger_core.noted_app_operation(allowed)
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.set_app_operation IS
'Puts an operation into the set of an app. If it is there already, overwrite decides whether its default, bounds and price are
replaced.';
