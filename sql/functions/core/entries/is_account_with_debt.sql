-- For the CHECK of ledger.accounts. Not inlined, and so far cheaper there than its conditions would be.
CREATE OR REPLACE FUNCTION ledger_core.is_account_with_debt(balance bigint, held bigint, min_balance bigint, debt bigint)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN balance - held >= min_balance - debt AND held >= 0 AND debt >= 0
        AND min_balance BETWEEN -ledger_core.max_amount() AND 0 AND balance <= ledger_core.max_amount();
END
$$;

COMMENT ON FUNCTION ledger_core.is_account_with_debt IS
'True if an account can have these values: whatever mistake a function may have, nothing is overspent.';
