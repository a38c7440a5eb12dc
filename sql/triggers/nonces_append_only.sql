DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger_core.nonces'::regclass AND tgname = 'nonces_append_only'
    ) THEN
        CREATE TRIGGER nonces_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_core.nonces
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger_core.nonces ENABLE ALWAYS TRIGGER nonces_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER nonces_append_only ON ledger_core.nonces IS
'Refuses to change or remove rows: LG901.';
