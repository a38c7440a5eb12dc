CREATE OR REPLACE FUNCTION ledger_core.check_spender(spender text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF spender IS NOT NULL THEN
        PERFORM ledger_core.check_key('spender', spender);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_spender IS
'Raises LG001 for a spender that is not well formed; null is none.';
