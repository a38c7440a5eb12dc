CREATE OR REPLACE FUNCTION ledger.unbind_role(role text, app text)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM ledger_core.check_key('role', unbind_role.role);
    IF unbind_role.app IS NULL OR NOT EXISTS (SELECT 1 FROM ledger.apps WHERE app = unbind_role.app) THEN
        PERFORM ledger_core.refuse('unknown_app', jsonb_build_object('app', unbind_role.app));
    END IF;
    PERFORM ledger_core.lock_catalogue();
    DELETE FROM ledger.app_roles WHERE role_name = unbind_role.role AND app = unbind_role.app;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM ledger_core.journal_change('unbound', NULL, unbind_role.app, '{}', unbind_role.role);
    IF ledger_core.is_member_of_apps(unbind_role.role)
        AND NOT EXISTS (SELECT 1 FROM ledger.app_roles WHERE role_name = unbind_role.role) THEN
        BEGIN
            EXECUTE format('REVOKE ledger_app FROM %I', unbind_role.role);
        EXCEPTION
            WHEN insufficient_privilege OR undefined_object THEN
                NULL; -- An administrator made it a member, or it is gone: without a binding it records nothing.
        END;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger.unbind_role IS
'Ends the binding of a login role to an app: it can no longer record for it.
With its last app it leaves ledger_app, if the owner of the ledger had made it a member.
Can be called again. For operators. Raises LG001, LG101.';
