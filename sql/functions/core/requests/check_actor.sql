CREATE OR REPLACE FUNCTION ledger_core.check_actor(actor text, reason text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_key('actor', actor);
    IF coalesce(length(reason) NOT BETWEEN 1 AND 1000, TRUE) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'reason', 'reason', 'is required, at most 1000 characters'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_actor IS
'Raises LG001 unless an operator''s action names its actor, as a key, and its reason (1 to 1000 characters).';
