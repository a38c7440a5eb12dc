CREATE OR REPLACE FUNCTION ledger_core.lock_accounts(owner_ids text [], assets text [], wait boolean)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- Accounts are always locked in the order of their keys.
    IF wait THEN
        PERFORM 1 FROM ledger.accounts
        WHERE (accounts.owner_id, accounts.asset) IN (SELECT * FROM unnest(owner_ids, assets))
        ORDER BY accounts.owner_id, accounts.asset
        FOR NO KEY UPDATE;
    ELSE
        PERFORM 1 FROM ledger.accounts
        WHERE (accounts.owner_id, accounts.asset) IN (SELECT * FROM unnest(owner_ids, assets))
        ORDER BY accounts.owner_id, accounts.asset
        FOR NO KEY UPDATE NOWAIT;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_accounts(text [], text [], boolean) IS
'Locks those of the accounts that exist. Without wait it raises 55P03 if another transaction holds one of them.';
