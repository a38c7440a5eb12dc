DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.operations'::regclass AND tgname = 'operations_in_use'
    ) THEN
        CREATE TRIGGER operations_in_use
        BEFORE UPDATE OR DELETE ON ledger.operations
        FOR EACH ROW EXECUTE FUNCTION ledger_core.guard_catalogue();
        ALTER TABLE ledger.operations ENABLE ALWAYS TRIGGER operations_in_use;
    END IF;
END
$$;

COMMENT ON TRIGGER operations_in_use ON ledger.operations IS
'Refuses to delete or rename what entries refer to: LG903.';
