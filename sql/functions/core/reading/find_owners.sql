CREATE OR REPLACE FUNCTION ledger_core.find_owners(prefix text, max_rows integer)
RETURNS TABLE (owner_id text, asset text, seq bigint, found jsonb)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    -- In the order of bytes, all that begins with a prefix follows the prefix directly. So the first rows from there on
    -- are enough, whatever the prefix is, and no pattern is needed.
    RETURN QUERY
    SELECT next.owner_id, next.asset, NULL::bigint, jsonb_build_object('entry_count', next.last_seq)
    FROM (
        SELECT accounts.owner_id, accounts.asset, accounts.last_seq
        FROM ledger.accounts
        WHERE accounts.owner_id >= find_owners.prefix
        ORDER BY accounts.owner_id, accounts.asset
        LIMIT find_owners.max_rows
    ) AS next
    WHERE starts_with(next.owner_id, find_owners.prefix);
END
$$;

COMMENT ON FUNCTION ledger_core.find_owners IS
'The first max_rows accounts whose owner begins with prefix, compared byte by byte, in the order of their keys.';
