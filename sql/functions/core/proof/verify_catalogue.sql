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
        jsonb_build_object(
            'operation', operations.operation, 'rule', ledger_core.noted_operation(operations), 'noted', noted.rule
        )
    FROM ledger.operations
    LEFT JOIN LATERAL (
        SELECT changes.rule FROM ledger.operation_changes AS changes
        WHERE changes.operation = operations.operation AND changes.app IS NULL
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS noted ON TRUE
    WHERE ledger_core.noted_operation(operations) IS DISTINCT FROM noted.rule;

    RETURN QUERY
    SELECT
        'rule not as last noted', 'app_operations', NULL, NULL, NULL::bigint,
        jsonb_build_object('app', allowed.app, 'operation', allowed.operation, 'rule', ledger_core.noted_app_operation(allowed), 'noted', noted.rule)
    FROM ledger.app_operations AS allowed
    LEFT JOIN LATERAL (
        SELECT changes.rule FROM ledger.operation_changes AS changes
        WHERE changes.operation = allowed.operation AND changes.app = allowed.app
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS noted ON TRUE
    WHERE ledger_core.noted_app_operation(allowed) IS DISTINCT FROM noted.rule;

    -- A rollback of an app's migrations removes the app with its bindings and operations, if nothing was recorded.
    RETURN QUERY
    SELECT
        'app not as last noted', 'apps', NULL, NULL, NULL::bigint,
        jsonb_build_object(
            'app', apps.app, 'noted', noted.rule, 'found', ledger_core.noted_app(apps.description, apps.registered_at)
        )
    FROM ledger.apps
    LEFT JOIN LATERAL (
        SELECT changes.rule FROM ledger.operation_changes AS changes
        WHERE changes.change = 'registered' AND changes.app = apps.app
        ORDER BY changes.change_id DESC
        LIMIT 1
    ) AS noted ON TRUE
    WHERE ledger_core.noted_app(apps.description, apps.registered_at) IS DISTINCT FROM noted.rule;

    RETURN QUERY
    SELECT
        'binding not as last noted', 'app_roles', NULL, NULL, NULL::bigint,
        jsonb_build_object(
            'app', coalesce(bound.app, noted.app), 'role_name', coalesce(bound.role_name, noted.role_name),
            'noted', noted.rule, 'found', bound.facts
        )
    FROM (
        SELECT app_roles.app, app_roles.role_name, 
            ledger_core.noted_login(app_roles.bound_at, app_roles.may_set_budgets) AS facts
        FROM ledger.app_roles
    ) AS bound
    FULL JOIN (
        SELECT DISTINCT ON (changes.app, changes.role_name)
            changes.app, changes.role_name, CASE changes.change WHEN 'bound' THEN changes.rule END AS rule
        FROM ledger.operation_changes AS changes
        WHERE changes.change IN ('bound', 'unbound') AND changes.app IN (SELECT apps.app FROM ledger.apps)
        ORDER BY changes.app, changes.role_name, changes.change_id DESC
    ) AS noted ON bound.app = noted.app AND bound.role_name = noted.role_name
    WHERE bound.facts IS DISTINCT FROM noted.rule;

    RETURN QUERY
    SELECT
        'budget not as last noted', 'budget_definitions', NULL, NULL, NULL::bigint,
        jsonb_build_object('noted', noted.rule, 'found', defined.facts)
    FROM (
        SELECT
            definitions.asset, definitions.budget, definitions.spender,
            ledger_core.noted_definition(definitions) AS facts
        FROM ledger.budget_definitions AS definitions
    ) AS defined
    FULL JOIN (
        SELECT DISTINCT ON (changes.rule ->> 'asset', changes.rule ->> 'budget', changes.rule ->> 'spender')
            changes.rule ->> 'asset' AS asset, changes.rule ->> 'budget' AS budget, changes.rule ->> 'spender' AS spender,
            CASE changes.change WHEN 'budget_defined' THEN changes.rule END AS rule
        FROM ledger.operation_changes AS changes
        WHERE changes.change IN ('budget_defined', 'budget_dropped')
        ORDER BY
            changes.rule ->> 'asset', changes.rule ->> 'budget', changes.rule ->> 'spender', changes.change_id DESC
    ) AS noted ON defined.asset = noted.asset AND defined.budget = noted.budget AND defined.spender = noted.spender
    WHERE defined.facts IS DISTINCT FROM noted.rule;

    RETURN QUERY
    SELECT
        'is_budgeted wrong', 'app_operations', NULL, NULL, NULL::bigint,
        jsonb_build_object(
            'app', allowed.app, 'operation', allowed.operation, 'expected', NOT allowed.is_budgeted,
            'found', allowed.is_budgeted
        )
    FROM ledger.app_operations AS allowed
    WHERE allowed.is_budgeted <> ledger_core.is_budgeted(allowed.app, allowed.operation);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_catalogue IS
'Discrepancies that belong to no owner: rules, budgets, apps and bindings changed without the functions, incomplete sets of
operations, triggers and unique indexes missing or disabled.';
