CREATE OR REPLACE FUNCTION ledger_core.check_own_nonce(nonce text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_nonce('ledger', check_own_nonce.nonce);
    IF check_own_nonce.nonce LIKE 'EXPIRY:%' THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'nonce', 'reason', 'must not begin with EXPIRY:, which the ledger uses itself'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_own_nonce IS
'Raises LG001 for a nonce that operators may not use for entries of the app "ledger".';
