DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.operations'::regclass AND tgname = 'operations_sets_whole'
    ) THEN
        CREATE CONSTRAINT TRIGGER operations_sets_whole
        AFTER INSERT OR UPDATE ON ledger.operations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ledger_core.check_operation_sets();
        ALTER TABLE ledger.operations ENABLE ALWAYS TRIGGER operations_sets_whole;
    END IF;
END
$$;

COMMENT ON TRIGGER operations_sets_whole ON ledger.operations IS
'Checks at commit that every app has every shared operation (LG902) within its bounds (LG904).';
