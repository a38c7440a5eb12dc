-- requires: privileges/roles
-- Operators may do what auditors may, and call the management functions.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ledger_operator') THEN
        GRANT USAGE ON SCHEMA ledger TO ledger_operator;
        GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ledger_operator;
        GRANT EXECUTE ON FUNCTION
            ledger.adjust_balance,
            ledger.allow_operation,
            ledger.allowances_of,
            ledger.balance,
            ledger.balance_at,
            ledger.balance_parts,
            ledger.begin_generation,
            ledger.bind_role,
            ledger.budgets_of,
            ledger.checkpoint,
            ledger.claims_of,
            ledger.define_budget,
            ledger.define_operation,
            ledger.drop_budget,
            ledger.end_allowance_by_hand,
            ledger.entries_after,
            ledger.entries_of,
            ledger.expire_credits,
            ledger.feed_lag,
            ledger.find,
            ledger.forecast,
            ledger.freeze_account,
            ledger.holds_of,
            ledger.installed_files,
            ledger.kept_buckets,
            ledger.liability,
            ledger.lots_of,
            ledger.move_account,
            ledger.note_proof,
            ledger.operations_of,
            ledger.register_app,
            ledger.retire_operation,
            ledger.reverse_by_hand,
            ledger.set_budget,
            ledger.set_min_balance,
            ledger.statement,
            ledger.statement_by_spender,
            ledger.subject_data,
            ledger.timeline,
            ledger.unbind_role,
            ledger.undefine_budget,
            ledger.unfreeze_account,
            ledger.verify,
            ledger.verify_checkpoint,
            ledger.verify_range,
            ledger.verify_ranges
        TO ledger_operator;
        -- For the views that say what is in force now.
        GRANT EXECUTE ON FUNCTION ledger_core.clock TO ledger_operator;
    END IF;
END
$$;
