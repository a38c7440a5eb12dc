CREATE OR REPLACE FUNCTION ledger_core.lock_accounts_nowait(app text, entries jsonb)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM 1 FROM ledger.accounts
    WHERE (accounts.owner_id, accounts.asset) IN (
        SELECT items.owner_id, items.asset
        FROM ledger_core.read_items(lock_accounts_nowait.app, lock_accounts_nowait.entries) AS items
    )
    FOR NO KEY UPDATE OF accounts NOWAIT;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_accounts_nowait IS
'Locks those of the accounts of a batch that exist. Raises 55P03 if another transaction holds one of them.';
