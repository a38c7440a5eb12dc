-- requires: privileges/roles
-- Applications call the functions and nothing else. ledger.bind_role sets for which app.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ledger_app') THEN
        GRANT USAGE ON SCHEMA ledger TO ledger_app;
        GRANT EXECUTE ON FUNCTION
            ledger.allowances_of,
            ledger.balance,
            ledger.balance_at,
            ledger.balance_parts,
            ledger.budgets_of,
            ledger.capture_hold,
            ledger.change_allowance,
            ledger.claim_outcomes,
            ledger.claims_of,
            ledger.drop_budget,
            ledger.end_allowance,
            ledger.entries_after,
            ledger.entries_of,
            ledger.expire_credits,
            ledger.extend_hold,
            ledger.feed_lag,
            ledger.find,
            ledger.forecast,
            ledger.grant_allowance,
            ledger.grow_hold,
            ledger.holds_of,
            ledger.installed_files,
            ledger.kept_buckets,
            ledger.lots_of,
            ledger.operations_of,
            ledger.place_hold,
            ledger.record_entries,
            ledger.record_entry,
            ledger.release_hold,
            ledger.reserve_claims,
            ledger.reverse_entry,
            ledger.set_budget,
            ledger.settle_claims,
            ledger.statement,
            ledger.statement_by_spender,
            ledger.timeline,
            ledger.transfer_credits,
            ledger.unsettled_claims
        TO ledger_app;
    END IF;
END
$$;
