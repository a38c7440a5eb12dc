DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.operations'::regclass AND tgname = 'operations_kept'
    ) THEN
        CREATE TRIGGER operations_kept
        BEFORE TRUNCATE ON ledger.operations
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.operations ENABLE ALWAYS TRIGGER operations_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER operations_kept ON ledger.operations IS
'Refuses to empty the catalogue: LG901.';
