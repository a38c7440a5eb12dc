CREATE OR REPLACE FUNCTION ledger_core.system_identifier()
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN (SELECT control.system_identifier FROM pg_control_system() AS control);
EXCEPTION
    WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
        RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.system_identifier IS
'The number that initdb gave to this server, which a dump does not take along. Null where the provider hides it.';
