DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.apps'::regclass AND tgname = 'apps_sets_whole'
    ) THEN
        CREATE CONSTRAINT TRIGGER apps_sets_whole
        AFTER INSERT OR UPDATE ON ledger.apps DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ledger_core.check_operation_sets();
        ALTER TABLE ledger.apps ENABLE ALWAYS TRIGGER apps_sets_whole;
    END IF;
END
$$;

COMMENT ON TRIGGER apps_sets_whole ON ledger.apps IS
'Checks at commit that every app has every shared operation (LG902) within its bounds (LG904).';
