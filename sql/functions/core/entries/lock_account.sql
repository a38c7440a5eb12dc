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
        SELECT balance, held, min_balance, last_seq, next_due_at, frozen_at, last_entry_at INTO v_account
        FROM ledger.accounts
        WHERE owner_id = lock_account.owner_id AND asset = lock_account.asset
        FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        PERFORM ledger_core.check_new_owner(lock_account.owner_id);
        INSERT INTO ledger.accounts (owner_id, asset) VALUES (lock_account.owner_id, lock_account.asset)
        ON CONFLICT DO NOTHING;
    END LOOP;

    v_last_entry_at := v_account.now;
    v_now := ledger_core.clock();
    -- A clock that is a little behind stands still for the account. One that is far behind, or was far ahead, is obeyed.
    IF v_last_entry_at <= v_now + ledger_core.clock_tolerance() THEN
        v_now := greatest(v_now, v_last_entry_at);
    ELSE
        -- Entries of the future may count in another period from now on.
        PERFORM ledger_core.forget_budget_use(lock_account.owner_id, lock_account.asset);
        IF v_account.frozen_at IS NULL THEN
            PERFORM ledger_core.rewind_allowances(lock_account.owner_id, lock_account.asset, v_now);
            SELECT next_due_at INTO v_account.next_due_at
            FROM ledger.accounts
            WHERE owner_id = lock_account.owner_id AND asset = lock_account.asset;
        END IF;
    END IF;
    v_account.now := v_now;
    IF v_account.next_due_at <= v_now THEN
        PERFORM ledger_core.settle(lock_account.owner_id, lock_account.asset, v_now);
        SELECT balance, held, min_balance, last_seq, next_due_at, frozen_at, v_now INTO v_account
        FROM ledger.accounts
        WHERE owner_id = lock_account.owner_id AND asset = lock_account.asset;
    END IF;
    RETURN v_account;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_account IS
'Locks the account until the transaction ends, and creates it if there is none. Reads the clock under the lock, and settles
what is due. Returns the state of the account. now is not before the last entry, unless the clock was set back by more than
ledger_core.clock_tolerance. Raises LG001 for a new account that no URL can contain, LG311 for one that belongs to another
partition.';
