-- For the CHECK of ledger.holds; see ledger_core.is_account_with_debt.
CREATE OR REPLACE FUNCTION ledger_core.is_hold(amount bigint, captured bigint, status text, closed_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    -- A capture may take more than is reserved, and then ends the hold.
    RETURN amount > 0 AND captured >= 0 AND (captured <= amount OR status = 'captured')
        AND status IN ('open', 'captured', 'released', 'expired') AND (status = 'open') = (closed_at IS NULL);
END
$$;

COMMENT ON FUNCTION ledger_core.is_hold IS
'True if a hold can have these values.';
