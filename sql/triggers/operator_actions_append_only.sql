DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.operator_actions'::regclass AND tgname = 'operator_actions_append_only'
    ) THEN
        CREATE TRIGGER operator_actions_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.operator_actions
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.operator_actions ENABLE ALWAYS TRIGGER operator_actions_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER operator_actions_append_only ON ledger.operator_actions IS
'Refuses to change or remove rows: LG901.';
