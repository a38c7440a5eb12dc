CREATE OR REPLACE FUNCTION ledger_core.lock_accounts(app text, entries jsonb)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_owners text [];
    v_assets text [];
BEGIN
    SELECT array_agg(keys.owner_id), array_agg(keys.asset)
    INTO v_owners, v_assets
    FROM (
        SELECT DISTINCT items.owner_id COLLATE "C" AS owner_id, items.asset COLLATE "C" AS asset
        FROM ledger_core.checked_items(lock_accounts.app, lock_accounts.entries) AS items
        WHERE items.owner_id IS NOT NULL AND items.asset IS NOT NULL
        UNION
        SELECT elements.item ->> 'to_owner_id', rules.asset
        FROM jsonb_array_elements(lock_accounts.entries) AS elements (item)
        INNER JOIN ledger_core.rules_in_force AS rules ON elements.item ->> 'operation' = rules.operation
        WHERE rules.app = lock_accounts.app AND elements.item ->> 'to_owner_id' IS NOT NULL
        ORDER BY owner_id, asset
    ) AS keys;

    PERFORM 1
    FROM unnest(v_owners, v_assets) AS keys (owner_id, asset)
    -- One look-up by key for each account, in the order of the keys, as everywhere.
    CROSS JOIN LATERAL (
        SELECT 1 FROM ledger.accounts
        WHERE accounts.owner_id = keys.owner_id AND accounts.asset = keys.asset
        FOR NO KEY UPDATE
    ) AS locked;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_accounts IS
'Locks those of the accounts of a batch that exist, also of receivers of transfers, in the order of their keys.';
