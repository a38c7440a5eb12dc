CREATE OR REPLACE FUNCTION ledger_core.check_at_most(field text, value integer, most integer)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF coalesce(value NOT BETWEEN 1 AND most, TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', field, 'reason', format('must be from 1 to %s', most)
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_at_most IS
'Raises LG001 naming the field unless value is from 1 to most.';
