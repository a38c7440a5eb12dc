CREATE OR REPLACE FUNCTION ledger.register_app(app text, description text)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_registered_at timestamptz;
    v_operation text;
    v_allowed ledger.app_operations;
BEGIN
    IF coalesce(register_app.app !~ '^[a-z][a-z0-9_]{0,62}$' OR register_app.app = 'ledger', TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'app', 'reason', 'must be lower snake case, at most 63 characters, and not "ledger"'
        ));
    END IF;
    PERFORM ledger_core.check_key('description', register_app.description);

    PERFORM ledger_core.lock_catalogue();
    INSERT INTO ledger.apps (app, description) VALUES (register_app.app, register_app.description)
    ON CONFLICT (app) DO UPDATE SET description = excluded.description
    WHERE apps.description <> excluded.description
    RETURNING registered_at INTO v_registered_at;
    IF FOUND THEN
        PERFORM ledger_core.journal_change(
            'registered', NULL, register_app.app, ledger_core.noted_app(register_app.description, v_registered_at)
        );
    END IF;
    v_allowed.app := register_app.app;
    FOR v_operation IN SELECT operation FROM ledger.operations WHERE shared ORDER BY operation LOOP
        v_allowed.operation := v_operation;
        PERFORM ledger_core.set_app_operation(v_allowed, FALSE);
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger.register_app IS
'Registers an app (lower snake case) with every shared operation, or changes its description.
Can be called again. For operators and migrations. Raises LG001.';
