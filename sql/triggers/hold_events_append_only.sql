DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.hold_events'::regclass AND tgname = 'hold_events_append_only'
    ) THEN
        CREATE TRIGGER hold_events_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold_events
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.hold_events ENABLE ALWAYS TRIGGER hold_events_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER hold_events_append_only ON ledger.hold_events IS
'Refuses to change or remove rows: LG901.';
