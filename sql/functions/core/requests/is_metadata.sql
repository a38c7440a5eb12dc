CREATE OR REPLACE FUNCTION ledger_core.is_metadata(value jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN jsonb_typeof(value) = 'object' AND octet_length(value::text) <= 16384 AND NOT value @? '$.**{65}';
END
$$;

COMMENT ON FUNCTION ledger_core.is_metadata IS
'True if value can be metadata: a JSON object of at most 16384 bytes as text, nested at most 64 deep (which readers in
other languages can still follow).';
