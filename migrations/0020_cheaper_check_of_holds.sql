-- See 0018_cheaper_check_of_accounts.
-- depends: 0019_cheaper_check_of_lots

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

ALTER TABLE ledger.holds
DROP CONSTRAINT holds_amount_positive,
DROP CONSTRAINT holds_captured_within_amount,
DROP CONSTRAINT holds_status_known,
DROP CONSTRAINT holds_closed_once,
ADD CONSTRAINT holds_within_bounds CHECK (
    ledger_core.is_hold(amount, captured, status, closed_at)
) NOT VALID;
