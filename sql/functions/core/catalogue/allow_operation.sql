CREATE OR REPLACE FUNCTION ledger_core.allow_operation(
    app text, operation text, default_amount bigint, min_amount bigint, max_amount bigint, overwrite boolean
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO ledger.app_operations AS allowed (app, operation, default_amount, min_amount, max_amount)
    VALUES (
        allow_operation.app, allow_operation.operation, allow_operation.default_amount, allow_operation.min_amount,
        allow_operation.max_amount
    )
    ON CONFLICT (app, operation) DO UPDATE
    SET
        default_amount = excluded.default_amount,
        min_amount = excluded.min_amount,
        max_amount = excluded.max_amount
    WHERE allow_operation.overwrite
        AND (allowed.default_amount, allowed.min_amount, allowed.max_amount)
        IS DISTINCT FROM (excluded.default_amount, excluded.min_amount, excluded.max_amount);
    IF FOUND THEN
        PERFORM ledger_core.journal_change(
            'allowed', allow_operation.operation, allow_operation.app,
            jsonb_build_object(
                'default_amount', allow_operation.default_amount,
                'min_amount', allow_operation.min_amount,
                'max_amount', allow_operation.max_amount
            )
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.allow_operation IS
'Puts the operation into the app''s set. If it is there already, overwrite decides whether its default and bounds are replaced.';
