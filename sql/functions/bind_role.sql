-- requires: dropped/0.1_signatures
CREATE OR REPLACE FUNCTION ledger.bind_role(role text, app text, may_set_budgets boolean DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_bound_at timestamptz;
    v_may_set_budgets boolean;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = bind_role.role) THEN
        PERFORM ledger_core.refuse(
            'invalid_request', jsonb_build_object('field', 'role', 'reason', 'is not a role of this server'),
            'Create the login first: CREATE ROLE … LOGIN PASSWORD ….'
        );
    ELSIF NOT EXISTS (SELECT 1 FROM ledger.apps WHERE app = bind_role.app) THEN
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', bind_role.app));
    ELSIF bind_role.role LIKE 'pg\_%' OR bind_role.role IN ('ledger_app', 'ledger_auditor', 'ledger_operator') THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'role', 'reason', 'is a group of PostgreSQL or of the ledger, not the login of an application'
        ));
    END IF;
    PERFORM ledger_core.lock_catalogue();
    INSERT INTO ledger.app_roles (role_name, app, may_set_budgets)
    VALUES (bind_role.role, bind_role.app, coalesce(bind_role.may_set_budgets, FALSE))
    ON CONFLICT (role_name, app) DO UPDATE SET may_set_budgets = bind_role.may_set_budgets
    WHERE app_roles.may_set_budgets <> bind_role.may_set_budgets
    RETURNING bound_at, may_set_budgets INTO v_bound_at, v_may_set_budgets;
    IF FOUND THEN
        PERFORM ledger_core.journal_change(
            'bound', NULL, bind_role.app, ledger_core.noted_login(v_bound_at, v_may_set_budgets),
            bind_role.role
        );
    END IF;
    -- A GRANT that changes nothing would wait for another transaction that makes one: of another ledger of this server.
    IF ledger_core.is_member_of_apps(bind_role.role) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format('GRANT ledger_app TO %I', bind_role.role);
    EXCEPTION
        WHEN insufficient_privilege OR undefined_object THEN
            -- An administrator may have made the role a member already.
            IF NOT EXISTS (
                SELECT 1 FROM pg_roles
                WHERE rolname = 'ledger_app' AND pg_has_role(bind_role.role, oid, 'USAGE')
            ) THEN
                PERFORM ledger_core.refuse(
                    'invalid_request', jsonb_build_object(
                        'field', 'role', 'reason', format('cannot be made a member of ledger_app by %I', current_user)
                    ),
                    'Have an administrator run what "ledger roles" prints, and the owner "ledger migrate"; then try again.'
                );
            END IF;
    END;
END
$$;

COMMENT ON FUNCTION ledger.bind_role IS
'Allows a login role to record for an app: binds it to the app and makes it a member of ledger_app.
A role may be bound to several apps. may_set_budgets: whether it may set budgets that count what is spent in the app
(ledger.set_budget); null leaves it as it is, at first it may not. Can be called again. For operators. Raises LG001, LG101.';
