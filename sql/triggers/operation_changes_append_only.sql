DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.operation_changes'::regclass AND tgname = 'operation_changes_append_only'
    ) THEN
        CREATE TRIGGER operation_changes_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.operation_changes
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.operation_changes ENABLE ALWAYS TRIGGER operation_changes_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER operation_changes_append_only ON ledger.operation_changes IS
'Refuses to change or remove rows: LG901.';
