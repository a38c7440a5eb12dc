DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.allowances'::regclass AND tgname = 'allowances_kept'
    ) THEN
        CREATE TRIGGER allowances_kept
        BEFORE DELETE OR TRUNCATE ON ledger.allowances
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.allowances ENABLE ALWAYS TRIGGER allowances_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER allowances_kept ON ledger.allowances IS
'Refuses to remove rows: LG901.';
