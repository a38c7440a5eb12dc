-- See 0018_cheaper_check_of_accounts.
-- depends: 0018_cheaper_check_of_accounts

CREATE OR REPLACE FUNCTION ledger_core.is_lot(amount bigint, remaining bigint, held bigint)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN amount > 0 AND remaining BETWEEN 0 AND amount AND held BETWEEN 0 AND remaining;
END
$$;

ALTER TABLE ledger.lots
DROP CONSTRAINT lots_amount_positive,
DROP CONSTRAINT lots_remaining_within_amount,
DROP CONSTRAINT lots_held_within_remaining,
ADD CONSTRAINT lots_within_bounds CHECK (
    ledger_core.is_lot(amount, remaining, held)
) NOT VALID;
