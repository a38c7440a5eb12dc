CREATE OR REPLACE FUNCTION ledger_core.moved_to(owner_id text, asset text)
RETURNS TABLE (later_owner_id text)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE later (owner_id) AS (
        SELECT accounts.moved_to::text FROM ledger.accounts
        WHERE accounts.owner_id = moved_to.owner_id AND accounts.asset = moved_to.asset
        UNION
        SELECT accounts.moved_to::text
        FROM later
        INNER JOIN ledger.accounts ON later.owner_id = accounts.owner_id
        WHERE accounts.asset = moved_to.asset
    )

    SELECT later.owner_id FROM later WHERE later.owner_id IS NOT NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.moved_to IS
'The owner to whom an account was moved, and those to whom it was moved from there. No rows if it was not.';
