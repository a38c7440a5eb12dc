-- Refused while there are debts, which the older version would not admit.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.accounts WHERE debt > 0) THEN
        RAISE EXCEPTION 'There are accounts below their floor, because captures were recorded in full. Adjust their balances first.';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION ledger_core.is_account(balance bigint, held bigint, min_balance bigint)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN balance - held >= min_balance AND held >= 0
        AND min_balance BETWEEN -9007199254740991 AND 0 AND balance <= 9007199254740991;
END
$$;

ALTER TABLE ledger.accounts
DROP CONSTRAINT accounts_within_bounds,
DROP COLUMN debt,
ADD CONSTRAINT accounts_within_bounds CHECK (
    ledger_core.is_account(balance, held, min_balance)
) NOT VALID;

DROP FUNCTION ledger_core.is_account_with_debt;
