CREATE OR REPLACE FUNCTION ledger_core.has_repeated_nonce(entries jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN (
        SELECT count(DISTINCT items.nonce) < count(items.nonce)
        FROM jsonb_path_query(entries, '$[*].nonce') AS items (nonce)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.has_repeated_nonce IS
'True if a nonce comes twice in a batch.';
