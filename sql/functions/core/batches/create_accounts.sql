CREATE OR REPLACE FUNCTION ledger_core.create_accounts(app text, entries jsonb, singly text [])
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_made bigint;
BEGIN
    INSERT INTO ledger.accounts (owner_id, asset)
    SELECT running.owner_id, running.asset
    FROM (
        SELECT
            items.owner_id COLLATE "C" AS owner_id,
            items.asset COLLATE "C" AS asset,
            items.plain AND items.nonce NOT IN (SELECT unnest(create_accounts.singly)) AS fit,
            sum(items.amount) OVER (
                PARTITION BY items.owner_id, items.asset ORDER BY items.position ROWS UNBOUNDED PRECEDING
            ) AS total
        FROM ledger_core.read_items(create_accounts.app, create_accounts.entries) AS items
        WHERE items.asset IS NOT NULL
    ) AS running
    GROUP BY running.owner_id, running.asset
    -- An account begins with its first entry, so create none for which a refusal is in sight.
    HAVING bool_and(running.fit) AND min(running.total) >= 0 AND max(running.total) <= ledger_core.max_amount()
    ORDER BY running.owner_id, running.asset
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_made = ROW_COUNT;
    RETURN v_made;
END
$$;

COMMENT ON FUNCTION ledger_core.create_accounts IS
'Creates the missing accounts of a batch whose items are all sure to be recorded, and returns how many.';
