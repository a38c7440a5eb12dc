CREATE OR REPLACE FUNCTION ledger_core.share_a_key(entries jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN entries @? '$[*].claim_subject' OR (
        SELECT count(DISTINCT items.nonce) < count(items.nonce)
        FROM jsonb_path_query(entries, '$[*].nonce') AS items (nonce)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.share_a_key(jsonb) IS
'True if items of a batch may depend on each other though their accounts differ: a nonce comes twice, or there is a claim_subject.';
