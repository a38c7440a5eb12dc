DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.lots'::regclass AND tgname = 'lots_kept'
    ) THEN
        CREATE TRIGGER lots_kept
        BEFORE DELETE OR TRUNCATE ON ledger.lots
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.lots ENABLE ALWAYS TRIGGER lots_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER lots_kept ON ledger.lots IS
'Refuses to remove rows: LG901.';
