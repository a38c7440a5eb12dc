DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.budget_definitions'::regclass AND tgname = 'budget_definitions_kept'
    ) THEN
        CREATE TRIGGER budget_definitions_kept
        BEFORE TRUNCATE ON ledger.budget_definitions
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.budget_definitions ENABLE ALWAYS TRIGGER budget_definitions_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER budget_definitions_kept ON ledger.budget_definitions IS
'Refuses to empty the table: LG901.';
