DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.app_operations'::regclass AND tgname = 'app_operations_kept'
    ) THEN
        CREATE TRIGGER app_operations_kept
        BEFORE TRUNCATE ON ledger.app_operations
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.app_operations ENABLE ALWAYS TRIGGER app_operations_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER app_operations_kept ON ledger.app_operations IS
'Refuses to empty the catalogue: LG901.';
