DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.apps'::regclass AND tgname = 'apps_in_use'
    ) THEN
        CREATE TRIGGER apps_in_use
        BEFORE UPDATE OR DELETE ON ledger.apps
        FOR EACH ROW EXECUTE FUNCTION ledger_core.guard_catalogue();
        ALTER TABLE ledger.apps ENABLE ALWAYS TRIGGER apps_in_use;
    END IF;
END
$$;

COMMENT ON TRIGGER apps_in_use ON ledger.apps IS
'Refuses to delete or rename what entries refer to: LG903.';
