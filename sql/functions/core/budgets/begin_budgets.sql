CREATE OR REPLACE FUNCTION ledger_core.begin_budgets(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM ledger.accounts
        WHERE owner_id = begin_budgets.owner_id AND asset = begin_budgets.asset AND has_budgets
    ) THEN
        PERFORM ledger_core.lock_account(begin_budgets.owner_id, begin_budgets.asset);
        UPDATE ledger.accounts SET has_budgets = TRUE
        WHERE owner_id = begin_budgets.owner_id AND asset = begin_budgets.asset;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.begin_budgets IS
'Notes with an account that budgets count its debits, so that whoever waits for its lock counts as well. Before the first
debit of an operation that a budget of everybody counts; ledger.set_budget does the same. Raises LG001 and LG311 as
ledger_core.lock_account.';
