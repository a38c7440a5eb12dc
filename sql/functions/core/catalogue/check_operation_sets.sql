-- A trigger at commit runs outside the function that changed the catalogue, with the settings of the
-- session: hence the definer and the pinned path.
CREATE OR REPLACE FUNCTION ledger_core.check_operation_sets()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_app text;
    v_operation text;
BEGIN
    SELECT apps.app, operations.operation INTO v_app, v_operation
    FROM ledger.apps
    CROSS JOIN ledger.operations
    LEFT JOIN ledger.app_operations
        ON apps.app = app_operations.app AND operations.operation = app_operations.operation
    WHERE operations.shared AND app_operations.app IS NULL
    ORDER BY apps.app, operations.operation
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('operation_set_incomplete', jsonb_build_object(
            'app', v_app, 'operation', v_operation
        ));
    END IF;

    SELECT sets.app, sets.operation INTO v_app, v_operation
    FROM ledger.operation_sets AS sets
    INNER JOIN ledger.operations ON sets.operation = operations.operation
    WHERE sets.min_amount > sets.max_amount
        OR sets.min_amount < operations.min_amount OR sets.max_amount > operations.max_amount
        OR sets.default_amount NOT BETWEEN sets.min_amount AND sets.max_amount
        OR (sets.unit_amount < 0 AND operations.min_amount >= 0) OR (sets.unit_amount > 0 AND operations.max_amount <= 0)
    ORDER BY sets.app, sets.operation
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('operation_rule_inconsistent', jsonb_build_object(
            'app', v_app, 'operation', v_operation
        ));
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.check_operation_sets IS
'Trigger at commit: raises LG902 if an app lacks a shared operation,
LG904 if the default or bounds of an app are not within those of the operation, or its price has the other sign.';
