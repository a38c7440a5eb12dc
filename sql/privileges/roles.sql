-- Three roles without login, shared by all databases of the server. Who migrates may lack the right to
-- make them: then the notice says what an administrator has to run, and the next migrate grants.
DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['ledger_app', 'ledger_auditor', 'ledger_operator'] LOOP
        CONTINUE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = v_role);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'Role % is missing and may not be made here. Have an administrator run: CREATE ROLE % NOLOGIN;', v_role, v_role;
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server made it at this moment
        END;
    END LOOP;
END
$$;
