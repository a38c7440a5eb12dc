CREATE OR REPLACE FUNCTION ledger_core.check_request(owner_id text, nonce text, metadata jsonb, claim_subject text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_key('owner_id', owner_id);
    PERFORM ledger_core.check_key('nonce', nonce);
    PERFORM ledger_core.check_metadata(metadata);
    IF claim_subject IS NOT NULL THEN
        PERFORM ledger_core.check_key('claim_subject', claim_subject);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_request IS
'Raises LG001 naming the first field of a request that is not well formed.';
