CREATE OR REPLACE FUNCTION ledger_core.check_nonce_of_parts(nonce text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF length(check_nonce_of_parts.nonce) > 200 THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'nonce', 'reason', 'must have at most 200 characters', 'length', length(check_nonce_of_parts.nonce)
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_nonce_of_parts IS
'Raises LG001 for a nonce that is too long for the entries of a receiver to have one made of it (ledger_core.nonce_of_part).';
