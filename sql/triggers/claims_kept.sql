DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.claims'::regclass AND tgname = 'claims_kept'
    ) THEN
        CREATE TRIGGER claims_kept
        BEFORE UPDATE OR TRUNCATE ON ledger.claims
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.claims ENABLE ALWAYS TRIGGER claims_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER claims_kept ON ledger.claims IS
'Refuses to change a slot that was taken: LG901. A reversal may delete it.';
