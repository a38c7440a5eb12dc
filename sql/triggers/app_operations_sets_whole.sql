DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.app_operations'::regclass AND tgname = 'app_operations_sets_whole'
    ) THEN
        CREATE CONSTRAINT TRIGGER app_operations_sets_whole
        AFTER INSERT OR UPDATE OR DELETE ON ledger.app_operations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ledger_core.check_operation_sets();
        ALTER TABLE ledger.app_operations ENABLE ALWAYS TRIGGER app_operations_sets_whole;
    END IF;
END
$$;

COMMENT ON TRIGGER app_operations_sets_whole ON ledger.app_operations IS
'Checks at commit that every app has every shared operation (LG902) within its bounds (LG904).';
