-- requires: privileges/roles
-- Auditors read everything of the ledger and change nothing.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ledger_auditor') THEN
        GRANT USAGE ON SCHEMA ledger TO ledger_auditor;
        GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ledger_auditor;
        GRANT EXECUTE ON FUNCTION
            ledger.balance,
            ledger.balance_at,
            ledger.checkpoint,
            ledger.entries_after,
            ledger.entries_of,
            ledger.holds_of,
            ledger.installed_files,
            ledger.operations_of,
            ledger.statement,
            ledger.verify,
            ledger.verify_checkpoint
        TO ledger_auditor;
    END IF;
END
$$;
