-- For the CHECK of ledger.lots; see ledger_core.is_account_with_debt.
CREATE OR REPLACE FUNCTION ledger_core.is_lot(amount bigint, remaining bigint, held bigint)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN amount > 0 AND remaining BETWEEN 0 AND amount AND held BETWEEN 0 AND remaining;
END
$$;

COMMENT ON FUNCTION ledger_core.is_lot IS
'True if a lot can have these values.';
