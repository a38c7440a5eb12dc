CREATE OR REPLACE FUNCTION ledger_core.lock_account(owner_id text, asset text)
RETURNS ledger_core.account_state
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_last_entry_at timestamptz;
    v_account ledger_core.account_state;
    v_now timestamptz;
BEGIN
    LOOP
        SELECT last_entry_at, next_due_at INTO v_last_entry_at, v_account.next_due_at
        FROM ledger.accounts
        WHERE owner_id = lock_account.owner_id AND asset = lock_account.asset
        FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO ledger.accounts (owner_id, asset) VALUES (lock_account.owner_id, lock_account.asset)
        ON CONFLICT DO NOTHING;
    END LOOP;

    v_now := greatest(clock_timestamp(), v_last_entry_at);
    IF v_account.next_due_at <= v_now THEN
        PERFORM ledger_core.settle(lock_account.owner_id, lock_account.asset, v_now);
    END IF;
    SELECT balance, held, min_balance, last_seq, next_due_at, frozen_at, v_now INTO v_account
    FROM ledger.accounts
    WHERE owner_id = lock_account.owner_id AND asset = lock_account.asset;
    RETURN v_account;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_account IS
'Locks the account until the transaction ends, and creates it if there is none. Reads the clock under the lock, and settles
what is due. Returns the state of the account.';
