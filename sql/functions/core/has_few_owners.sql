CREATE OR REPLACE FUNCTION ledger_core.has_few_owners(entries jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    -- The first hundred items tell, and cost no more than reading them.
    RETURN jsonb_array_length(entries) > 4 AND (
        SELECT count(DISTINCT owners.owner_id) * 4 <= count(*)
        FROM jsonb_path_query(entries, '$[0 to 99].owner_id') AS owners (owner_id)
    );
END
$$;

COMMENT ON FUNCTION ledger_core.has_few_owners(jsonb) IS
'True if a batch has four items or more for each of its owners, as far as its first hundred items tell.';
