CREATE OR REPLACE FUNCTION ledger_core.check_addressable(field text, value text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT ledger_core.is_addressable(value) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', field, 'reason', 'must not be . or .., which no URL can contain as a part of its path'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_addressable IS
'Raises LG001 naming the field unless ledger_core.is_addressable(value). For new owners and holds: existing ones of these
names still work.';
