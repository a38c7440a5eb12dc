CREATE OR REPLACE FUNCTION ledger_core.verify_catalogue()
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT * FROM ledger_core.verify_guards();

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
        'app or operation missing', 'app_operations', NULL, NULL, NULL::bigint,
        jsonb_build_object('app', allowed.app, 'operation', allowed.operation)
    FROM ledger.app_operations AS allowed
    LEFT JOIN ledger.apps ON allowed.app = apps.app
    LEFT JOIN ledger.operations ON allowed.operation = operations.operation
    WHERE apps.app IS NULL OR operations.operation IS NULL;

    RETURN QUERY
    SELECT
        'app missing', 'app_roles', NULL, NULL, NULL::bigint,
        jsonb_build_object('app', bound.app, 'role_name', bound.role_name)
    FROM ledger.app_roles AS bound
    LEFT JOIN ledger.apps ON bound.app = apps.app
    WHERE apps.app IS NULL;

    RETURN QUERY
    SELECT
        'rule not as last noted', 'operations', NULL, NULL, NULL::bigint,
        jsonb_build_object('operation', operations.operation, 'rule', ledger_core.rule_of(operations), 'noted', noted.rule)
    FROM ledger.operations
    LEFT JOIN LATERAL (
        SELECT changes.rule FROM ledger.operation_changes AS changes
        WHERE changes.operation = operations.operation AND changes.app IS NULL
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS noted ON TRUE
    WHERE ledger_core.rule_of(operations) IS DISTINCT FROM noted.rule;

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

    RETURN QUERY SELECT * FROM ledger_core.verify_changes();

    -- What the feed and checkpoints go by. It happens when a dump is restored on a younger server.
    RETURN QUERY
    SELECT
        'transaction of the future', newest.found_in, newest.owner_id, newest.asset, newest.seq,
        newest.detail || jsonb_build_object('xact_id', newest.xact_id, 'next', pg_snapshot_xmax(pg_current_snapshot()))
    FROM (
        (
            SELECT
                'entries' AS found_in, entries.owner_id::text, entries.asset::text, entries.seq,
                jsonb_build_object('nonce', entries.nonce) AS detail, entries.xact_id
            FROM ledger.entries
            ORDER BY entries.xact_id DESC
            LIMIT 1
        )
        UNION ALL
        (
            SELECT
                'operator_actions', actions.owner_id::text, actions.asset::text, actions.seq,
                jsonb_build_object('action_seq', actions.action_seq), actions.xact_id
            FROM ledger.operator_actions AS actions
            ORDER BY actions.xact_id DESC
            LIMIT 1
        )
        UNION ALL
        (
            SELECT
                'operation_changes', NULL, NULL, NULL,
                jsonb_build_object('change_id', changes.change_id), changes.xact_id
            FROM ledger.operation_changes AS changes
            ORDER BY changes.xact_id DESC
            LIMIT 1
        )
    ) AS newest
    WHERE newest.xact_id > pg_snapshot_xmax(pg_current_snapshot())
        AND newest.xact_id IS DISTINCT FROM pg_current_xact_id_if_assigned();
END
$$;

COMMENT ON FUNCTION ledger_core.verify_catalogue() IS
'What is wrong beyond single owners: rules changed behind the functions, their history changed, sets incomplete, guards of the books missing or switched off, entries and lines of transactions that this server has not seen.';
