-- requires: privileges/roles
-- Auditors read everything of the ledger, and write nothing but the note that they proved it.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ledger_auditor') THEN
        GRANT USAGE ON SCHEMA ledger TO ledger_auditor;
        GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ledger_auditor;
        GRANT EXECUTE ON FUNCTION
            ledger.allowances_of,
            ledger.balance,
            ledger.balance_at,
            ledger.balance_parts,
            ledger.budgets_of,
            ledger.checkpoint,
            ledger.claims_of,
            ledger.entries_after,
            ledger.entries_of,
            ledger.feed_lag,
            ledger.find,
            ledger.forecast,
            ledger.holds_of,
            ledger.installed_files,
            ledger.kept_buckets,
            ledger.liability,
            ledger.lots_of,
            ledger.note_proof,
            ledger.operations_of,
            ledger.statement,
            ledger.statement_by_spender,
            ledger.subject_data,
            ledger.timeline,
            ledger.verify,
            ledger.verify_checkpoint,
            ledger.verify_range,
            ledger.verify_ranges
        TO ledger_auditor;
        -- For the views that say what is in force now.
        GRANT EXECUTE ON FUNCTION ledger_core.clock TO ledger_auditor;
    END IF;
END
$$;
