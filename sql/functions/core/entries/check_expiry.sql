-- requires: functions/core/entries/is_expiry
CREATE OR REPLACE FUNCTION ledger_core.check_expiry(expires_at timestamptz, amount bigint, now timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT ledger_core.is_expiry(expires_at, amount, now) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'expires_at',
            'reason', CASE
                WHEN amount <= 0 THEN 'is for credits only'
                ELSE 'must be a time in the future, before the year 10000'
            END
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_expiry IS
'Raises LG001 unless ledger_core.is_expiry.';
