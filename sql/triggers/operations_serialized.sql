DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.operations'::regclass AND tgname = 'operations_serialized'
    ) THEN
        CREATE TRIGGER operations_serialized
        BEFORE INSERT OR UPDATE OR DELETE ON ledger.operations
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.serialize_catalogue();
        ALTER TABLE ledger.operations ENABLE ALWAYS TRIGGER operations_serialized;
    END IF;
END
$$;

COMMENT ON TRIGGER operations_serialized ON ledger.operations IS
'Lets one transaction at a time change the catalogue.';
