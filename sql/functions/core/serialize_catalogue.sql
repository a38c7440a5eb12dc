CREATE OR REPLACE FUNCTION ledger_core.serialize_catalogue()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.catalogue', 0));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.serialize_catalogue() IS
'Trigger: lets one transaction at a time change the catalogue, so that an app and a shared operation made at the same moment see each other in the checks at commit.';
