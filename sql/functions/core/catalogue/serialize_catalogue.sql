CREATE OR REPLACE FUNCTION ledger_core.serialize_catalogue()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger_core.lock_catalogue();
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.serialize_catalogue IS
'Trigger: ledger_core.lock_catalogue before every change of the catalogue.';
