DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.apps'::regclass AND tgname = 'apps_kept'
    ) THEN
        CREATE TRIGGER apps_kept
        BEFORE TRUNCATE ON ledger.apps
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.apps ENABLE ALWAYS TRIGGER apps_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER apps_kept ON ledger.apps IS
'Refuses to empty the catalogue: LG901.';
