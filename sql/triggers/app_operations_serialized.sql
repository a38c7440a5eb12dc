DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.app_operations'::regclass AND tgname = 'app_operations_serialized'
    ) THEN
        CREATE TRIGGER app_operations_serialized
        BEFORE INSERT OR UPDATE OR DELETE ON ledger.app_operations
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.serialize_catalogue();
        ALTER TABLE ledger.app_operations ENABLE ALWAYS TRIGGER app_operations_serialized;
    END IF;
END
$$;

COMMENT ON TRIGGER app_operations_serialized ON ledger.app_operations IS
'Lets one transaction at a time change the catalogue.';
