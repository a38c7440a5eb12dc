DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.entries'::regclass AND tgname = 'entries_append_only'
    ) THEN
        CREATE TRIGGER entries_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entries
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER entries_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER entries_append_only ON ledger.entries IS
'Refuses to change or remove rows: LG901.';
