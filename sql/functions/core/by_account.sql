CREATE OR REPLACE FUNCTION ledger_core.by_account(positions integer [], owner_ids text [], assets text [])
RETURNS integer []
LANGUAGE plpgsql
IMMUTABLE
AS $$
BEGIN
    RETURN coalesce((
        SELECT array_agg(items."position"::integer ORDER BY items.owner_id COLLATE "C", items.asset COLLATE "C", items."position")
        FROM unnest(owner_ids, assets) WITH ORDINALITY AS items (owner_id, asset, "position")
        WHERE items."position" = ANY (positions)
    ), '{}');
END
$$;

COMMENT ON FUNCTION ledger_core.by_account(integer [], text [], text []) IS
'The positions in the order of the keys of their accounts (arrays by position), and in their own order within each.';
