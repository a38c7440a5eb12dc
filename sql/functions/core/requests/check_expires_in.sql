CREATE OR REPLACE FUNCTION ledger_core.check_expires_in(expires_in interval)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF coalesce(expires_in <= interval '0' OR expires_in > interval '366 days', TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'expires_in', 'reason', 'must be positive and at most 366 days'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_expires_in IS
'Raises LG001 unless expires_in can be the life of a hold.';
