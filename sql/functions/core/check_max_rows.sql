CREATE OR REPLACE FUNCTION ledger_core.check_max_rows(max_rows integer, most integer)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF coalesce(max_rows NOT BETWEEN 1 AND most, TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'max_rows', 'reason', format('must be from 1 to %s', most)
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_max_rows(integer, integer) IS
'Raises LG001 unless max_rows is from 1 to most.';
