-- requires: functions/core/requests/is_nonce, functions/core/requests/uses_of_nonce
CREATE OR REPLACE FUNCTION ledger_core.check_nonce(app text, nonce text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF ledger_core.is_nonce(nonce) THEN
        RETURN;
    END IF;
    PERFORM ledger_core.check_key('nonce', nonce);
    -- What was recorded under such a nonce before it was the ledger's own gets its answer.
    IF NOT EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(app, nonce)) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'nonce', 'reason', 'must not begin with ledger:, which the ledger uses itself'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_nonce IS
'Raises LG001 for a nonce that a caller may not use.';
