CREATE OR REPLACE FUNCTION ledger_core.check_expires_in(expires_in interval)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT coalesce(ledger_core.is_span(expires_in, interval '366 days'), FALSE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'expires_in', 'reason', 'must be positive and at most 366 days, without a negative part'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_expires_in IS
'Raises LG001 unless expires_in can be the life of a hold.';
