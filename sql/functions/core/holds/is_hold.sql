-- For the CHECK of ledger.holds; see ledger_core.is_account.
CREATE OR REPLACE FUNCTION ledger_core.is_hold(amount bigint, captured bigint, status text, closed_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN amount > 0 AND captured BETWEEN 0 AND amount
        AND status IN ('open', 'captured', 'released', 'expired') AND (status = 'open') = (closed_at IS NULL);
END
$$;

COMMENT ON FUNCTION ledger_core.is_hold IS
'True if a hold can have these values.';
