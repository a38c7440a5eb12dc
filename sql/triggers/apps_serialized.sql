DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.apps'::regclass AND tgname = 'apps_serialized'
    ) THEN
        CREATE TRIGGER apps_serialized
        BEFORE INSERT OR UPDATE OR DELETE ON ledger.apps
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.serialize_catalogue();
        ALTER TABLE ledger.apps ENABLE ALWAYS TRIGGER apps_serialized;
    END IF;
END
$$;

COMMENT ON TRIGGER apps_serialized ON ledger.apps IS
'Lets one transaction at a time change the catalogue.';
