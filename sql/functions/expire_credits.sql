CREATE OR REPLACE FUNCTION ledger.expire_credits(max_accounts integer DEFAULT 1000)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_owner_id text;
    v_asset text;
    v_accounts integer := 0;
BEGIN
    PERFORM ledger_core.check_at_most('max_accounts', expire_credits.max_accounts, 100000);
    -- Accounts are always locked in the order of their keys.
    FOR v_owner_id, v_asset IN
        SELECT due.owner_id, due.asset
        FROM (
            SELECT owner_id, asset
            FROM ledger.accounts
            WHERE next_due_at < 'infinity' AND next_due_at <= ledger_core.clock()
            ORDER BY next_due_at
            LIMIT expire_credits.max_accounts
        ) AS due
        ORDER BY due.owner_id, due.asset
    LOOP
        PERFORM ledger_core.lock_account(v_owner_id, v_asset);
        v_accounts := v_accounts + 1;
    END LOOP;
    RETURN v_accounts;
END
$$;

COMMENT ON FUNCTION ledger.expire_credits IS
'Posts what is due (expiries, ends of holds, allowances) on up to max_accounts (1 to 100000) unlocked accounts, the longest due
first.
Returns the number of accounts; call again until it is 0.
Balances are exact without it; the change feed shows an expiry or an allowance once it is posted, and periods of allowances that
nobody saw are not recorded. Raises LG001.';
