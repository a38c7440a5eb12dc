DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.holds'::regclass AND tgname = 'holds_kept'
    ) THEN
        CREATE TRIGGER holds_kept
        BEFORE DELETE OR TRUNCATE ON ledger.holds
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.holds ENABLE ALWAYS TRIGGER holds_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER holds_kept ON ledger.holds IS
'Refuses to remove rows: LG901.';
