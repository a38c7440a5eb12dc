CREATE OR REPLACE FUNCTION ledger_core.check_metadata(metadata jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF NOT ledger_core.is_metadata(metadata) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'metadata',
            'reason', 'must be a JSON object of at most 16384 bytes, nested at most 64 deep'
        ));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_metadata IS
'Raises LG001 unless metadata is null or as ledger_core.is_metadata wants it.';
