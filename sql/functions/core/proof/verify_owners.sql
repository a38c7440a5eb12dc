CREATE OR REPLACE FUNCTION ledger_core.verify_owners(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN QUERY SELECT * FROM ledger_core.verify_entries(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_accounts(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_buckets(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_lots(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_movements(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_holds(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_hold_events(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_budgets(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_allowances(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_transfers(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_references(first, last, included);
    RETURN QUERY SELECT * FROM ledger_core.verify_journals(first, last, included);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_owners IS
'The discrepancies of the owners after first (or from first, if included) up to last (null: no end).';
