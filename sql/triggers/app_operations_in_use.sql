DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.app_operations'::regclass AND tgname = 'app_operations_in_use'
    ) THEN
        CREATE TRIGGER app_operations_in_use
        BEFORE UPDATE OR DELETE ON ledger.app_operations
        FOR EACH ROW EXECUTE FUNCTION ledger_core.guard_catalogue();
        ALTER TABLE ledger.app_operations ENABLE ALWAYS TRIGGER app_operations_in_use;
    END IF;
END
$$;

COMMENT ON TRIGGER app_operations_in_use ON ledger.app_operations IS
'Refuses to delete or rename what entries refer to: LG903.';
