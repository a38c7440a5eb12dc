DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.hold_growths'::regclass AND tgname = 'hold_growths_append_only'
    ) THEN
        CREATE TRIGGER hold_growths_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold_growths
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.hold_growths ENABLE ALWAYS TRIGGER hold_growths_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER hold_growths_append_only ON ledger.hold_growths IS
'Refuses to change or remove rows: LG901.';
