DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.allowance_entries'::regclass AND tgname = 'allowance_entries_append_only'
    ) THEN
        CREATE TRIGGER allowance_entries_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.allowance_entries
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.allowance_entries ENABLE ALWAYS TRIGGER allowance_entries_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER allowance_entries_append_only ON ledger.allowance_entries IS
'Refuses to change or remove rows: LG901.';
