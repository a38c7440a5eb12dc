DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.budgets'::regclass AND tgname = 'budgets_kept'
    ) THEN
        CREATE TRIGGER budgets_kept
        BEFORE TRUNCATE ON ledger.budgets
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.budgets ENABLE ALWAYS TRIGGER budgets_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER budgets_kept ON ledger.budgets IS
'Refuses to empty the table: LG901.';
