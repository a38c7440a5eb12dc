CREATE OR REPLACE FUNCTION ledger_core.make_accounts(
    owner_ids text [], assets text [], amounts bigint [], todo boolean []
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO ledger.accounts (owner_id, asset)
    SELECT running.owner_id, running.asset
    FROM (
        SELECT
            items.owner_id,
            items.asset,
            sum(items.amount) OVER (
                PARTITION BY items.owner_id, items.asset ORDER BY items.position ROWS UNBOUNDED PRECEDING
            ) AS total
        FROM unnest(owner_ids, assets, amounts, todo)
            WITH ORDINALITY AS items (owner_id, asset, amount, todo, position)
        WHERE items.todo
    ) AS running
    GROUP BY running.owner_id, running.asset
    -- An account comes into being with its first entry: not if a refusal is in sight.
    HAVING min(running.total) >= 0 AND max(running.total) <= 9007199254740991
    ORDER BY running.owner_id, running.asset
    ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION ledger_core.make_accounts(text [], text [], bigint [], boolean []) IS
'Makes the missing accounts of those items of a batch (arrays by position) that are sure to be recorded.';
