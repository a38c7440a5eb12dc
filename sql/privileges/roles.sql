-- Three roles without login, shared by all databases of the server. Only this file lists them. `ledger migrate` runs it;
-- where that may not create roles, an administrator runs what `ledger roles` prints.
DO $$
DECLARE
    v_role text;
    v_missing text[] := '{}';
BEGIN
    FOREACH v_role IN ARRAY ARRAY['ledger_app', 'ledger_auditor', 'ledger_operator'] LOOP
        CONTINUE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = v_role);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
        EXCEPTION
            WHEN insufficient_privilege THEN
                v_missing := array_append(v_missing, v_role);
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server created it at the same moment
        END;
    END LOOP;
    -- Warnings, because a role or database may be set to show no notices.
    IF cardinality(v_missing) > 0 THEN
        RAISE WARNING '% may not make roles, and these are missing: %. Until they are there, only the owner can use the '
            'ledger. Have an administrator run what "ledger roles" prints, then run "ledger migrate" again.',
            current_user, array_to_string(v_missing, ', ');
    ELSIF NOT pg_has_role(current_user, 'ledger_app', 'MEMBER WITH ADMIN OPTION') AND NOT (
        -- Before PostgreSQL 16 CREATEROLE is enough. Since then it takes the ADMIN option, which the creator of a role has.
        current_setting('server_version_num')::integer < 160000
        AND EXISTS (SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolcreaterole)
    ) THEN
        RAISE WARNING '% may not make logins members of ledger_app, as ledger.bind_role does. Have an administrator run what '
            '"ledger roles" prints.',
            current_user;
    END IF;
END
$$;
