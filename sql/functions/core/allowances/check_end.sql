CREATE OR REPLACE FUNCTION ledger_core.check_end(at timestamptz)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    IF at = '-infinity' OR at BETWEEN '9999-01-01Z' AND '294276-12-31Z' THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'at', 'reason', 'must be before 9999, or infinity'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_end IS
'Raises LG001 if an allowance cannot end then: at a time after 9998, or before all others.';
