DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.accounts'::regclass AND tgname = 'accounts_kept'
    ) THEN
        CREATE TRIGGER accounts_kept
        BEFORE DELETE OR TRUNCATE ON ledger.accounts
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.accounts ENABLE ALWAYS TRIGGER accounts_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER accounts_kept ON ledger.accounts IS
'Refuses to remove rows: LG901.';
