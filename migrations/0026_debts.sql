-- How far an account is below its floor, because captures were recorded in full. See 0018_cheaper_check_of_accounts for the
-- form of the check.
-- depends: 0024_growing_holds_and_prices 0025_spenders_of_holds

CREATE OR REPLACE FUNCTION ledger_core.is_account_with_debt(balance bigint, held bigint, min_balance bigint, debt bigint)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN balance - held >= min_balance - debt AND held >= 0 AND debt >= 0
        AND min_balance BETWEEN -9007199254740991 AND 0 AND balance <= 9007199254740991;
END
$$;

ALTER TABLE ledger.accounts
ADD COLUMN debt bigint NOT NULL DEFAULT 0,
DROP CONSTRAINT accounts_within_bounds,
ADD CONSTRAINT accounts_within_bounds CHECK (
    ledger_core.is_account_with_debt(balance, held, min_balance, debt)
) NOT VALID;
