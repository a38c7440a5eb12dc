CREATE OR REPLACE FUNCTION ledger_core.check_past(field text, at timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF coalesce(at > ledger_core.clock(), TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', field, 'reason', 'is required and must not be in the future'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_past IS
'Raises LG001 naming the field unless the time is given and not in the future.';
