CREATE OR REPLACE FUNCTION ledger_core.check_key(field text, value text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF value IS NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', field, 'reason', 'is required'));
    ELSIF NOT ledger_core.is_key(value) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', field, 'reason', format('must have 1 to %s characters', ledger_core.max_key_length()),
            'length', length(value)
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_key IS
'Raises LG001 naming the field unless ledger_core.is_key(value).';
