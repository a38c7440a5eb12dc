CREATE OR REPLACE FUNCTION ledger_core.verify_catalogue()
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'trigger switched off', tables.relname::text, NULL, NULL, NULL::bigint,
        jsonb_build_object('trigger', triggers.tgname)
    FROM pg_trigger AS triggers
    INNER JOIN pg_class AS tables ON triggers.tgrelid = tables.oid
    WHERE tables.relnamespace = 'ledger'::regnamespace AND NOT triggers.tgisinternal AND triggers.tgenabled <> 'A';

    RETURN QUERY
    SELECT
        'append-only trigger missing', kept.name, NULL, NULL, NULL::bigint, '{}'::jsonb
    FROM unnest(ARRAY[
        'accounts', 'entries', 'holds', 'lot_movements', 'lots', 'operation_changes', 'operator_actions'
    ]) AS kept (name)
    WHERE NOT EXISTS (
        SELECT 1 FROM pg_trigger AS triggers
        WHERE triggers.tgrelid = ('ledger.' || kept.name)::regclass
            AND triggers.tgfoid = 'ledger_core.refuse_change'::regproc
    );

    RETURN QUERY
    SELECT
        'shared operation missing', 'app_operations', NULL, NULL, NULL::bigint,
        jsonb_build_object('app', apps.app, 'operation', operations.operation)
    FROM ledger.apps
    CROSS JOIN ledger.operations
    LEFT JOIN ledger.app_operations
        ON apps.app = app_operations.app AND operations.operation = app_operations.operation
    WHERE operations.shared AND app_operations.app IS NULL;

    RETURN QUERY
    SELECT
        'rule not as last noted', 'operations', NULL, NULL, NULL::bigint,
        jsonb_build_object('operation', operations.operation, 'rule', to_jsonb(operations), 'noted', noted.rule)
    FROM ledger.operations
    LEFT JOIN LATERAL (
        SELECT changes.rule FROM ledger.operation_changes AS changes
        WHERE changes.operation = operations.operation AND changes.app IS NULL
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS noted ON TRUE
    WHERE to_jsonb(operations) - 'operation' IS DISTINCT FROM noted.rule;

    RETURN QUERY
    SELECT
        'rule not as last noted', 'app_operations', NULL, NULL, NULL::bigint,
        jsonb_build_object('app', allowed.app, 'operation', allowed.operation, 'rule', to_jsonb(allowed), 'noted', noted.rule)
    FROM ledger.app_operations AS allowed
    LEFT JOIN LATERAL (
        SELECT changes.rule FROM ledger.operation_changes AS changes
        WHERE changes.operation = allowed.operation AND changes.app = allowed.app
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS noted ON TRUE
    WHERE to_jsonb(allowed) - 'app' - 'operation' IS DISTINCT FROM noted.rule;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_catalogue() IS
'What is wrong with the catalogue: rules changed behind the functions, sets incomplete, guards of the books missing or switched off.';
