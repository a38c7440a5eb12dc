CREATE OR REPLACE FUNCTION ledger_core.plain_owners_only(owner_ids text [], plain boolean [])
RETURNS boolean []
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN (
        SELECT array_agg(marked.plain ORDER BY marked.position)
        FROM (
            SELECT items.position, bool_and(items.plain) OVER (PARTITION BY items.owner_id) AS plain
            FROM unnest(owner_ids, plain) WITH ORDINALITY AS items (owner_id, plain, position)
        ) AS marked
    );
END
$$;

COMMENT ON FUNCTION ledger_core.plain_owners_only(text [], boolean []) IS
'By position: whether all items of the item''s owner are plain. Otherwise they go one by one, because their order matters.';
