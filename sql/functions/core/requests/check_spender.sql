-- requires: functions/core/requests/is_spender
CREATE OR REPLACE FUNCTION ledger_core.check_spender(spender text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF spender = '*' THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'spender', 'reason', 'must not be *, by which a budget means each spender'
        ));
    ELSIF NOT ledger_core.is_spender(spender) THEN
        PERFORM ledger_core.check_key('spender', spender);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_spender IS
'Raises LG001 for a spender that is not well formed; null is none.';
