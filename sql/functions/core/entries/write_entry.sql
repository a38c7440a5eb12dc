-- requires: dropped/0.1_answers
-- requires: functions/core/budgets/is_counted_at_once
-- requires: functions/core/lots/makes_lot
-- Writes a single entry: the account's row and the entry, chained by hash. ledger_core.spend_hold does the same for a
-- capture, together with the hold.
--
-- Guarded, it is the whole fast path: one UPDATE that locks the account, checks it and writes it, or one INSERT of an
-- owner's first credits; then the lots. It changes nothing and returns null if the account is frozen, has something due, or
-- would fall below its floor, or if the last entry is younger than the clock that was read before the lock:
-- ledger_core.record_in_steps takes over. If the nonce is taken, it answers the replay of an entry without options, and
-- returns null for others: their default expiry and slots are no part of the request.
-- Unguarded, the caller holds the account's lock (ledger_core.lock_account), has checked all but the nonce, and sees to the
-- lots. The nonce of an entry with a claim_subject it has taken as well.
CREATE OR REPLACE FUNCTION ledger_core.write_entry(entry ledger.entries, guarded boolean DEFAULT FALSE)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_options text := '';
    v_hash bytea;
    v_recorded_at timestamptz;
    v_next_due_at timestamptz;
    v_has_budgets boolean := FALSE;
    v_is_budgeted boolean;
    v_debt bigint;
    v_held bigint;
    v_floor bigint;
    v_is_recorded boolean;
    v_is_counted boolean := TRUE;
BEGIN
    -- A retry neither writes nor waits for a lock, unless something is due on the account.
    IF guarded AND EXISTS (SELECT 1 FROM ledger_core.nonces WHERE app = entry.app AND nonce = entry.nonce) THEN
        IF entry.recorded_at IS NULL AND EXISTS (
            SELECT 1 FROM ledger.accounts
            WHERE owner_id = entry.owner_id AND asset = entry.asset AND next_due_at > ledger_core.clock()
        ) THEN
            RETURN ledger_core.replay_of(entry);
        END IF;
        RETURN NULL;
    END IF;
    -- Waiters for a row that changes wake each other inefficiently. Queueing before it is faster; correctness does not
    -- depend on it. Only a transaction that has not written yet queues, so that none ever holds many.
    -- Whoever gets the advisory lock is the first. The others queue for the account's first entry, a row that never
    -- changes: any login may hold the advisory lock, and would stop the owner if it were waited for.
    IF guarded AND pg_current_xact_id_if_assigned() IS NULL
        AND NOT pg_try_advisory_xact_lock(hashtextextended(entry.owner_id, 0))
    THEN
        PERFORM 1 FROM ledger.entries
        WHERE owner_id = entry.owner_id AND asset = entry.asset AND seq = 1
        FOR NO KEY UPDATE;
        -- Keeps callers that come now from passing the queue.
        PERFORM pg_try_advisory_xact_lock(hashtextextended(entry.owner_id, 0));
    END IF;
    entry.entry_id := nextval('ledger_core.entry_ids');
    entry.xact_id := pg_current_xact_id();
    IF entry.recorded_at IS NULL THEN
        v_now := ledger_core.clock();
    ELSE
        v_now := entry.recorded_at;
    END IF;
    IF entry.recorded_at IS NOT NULL OR entry.spender IS NOT NULL OR entry.quantity IS NOT NULL THEN
        v_options := ledger_core.hashed_options(entry);
    END IF;

    UPDATE ledger.accounts
    SET
        balance = balance + entry.amount,
        last_seq = last_seq + 1,
        last_entry_at = v_now,
        in_order_from = CASE WHEN last_entry_at <= v_now THEN in_order_from ELSE last_seq + 1 END,
        head_hash = ledger_core.chain_hash(head_hash, ledger_core.hashed_entry(
            entry, v_options, last_seq + 1, balance + entry.amount, v_now
        ))
    WHERE owner_id = entry.owner_id AND asset = entry.asset
        AND balance + entry.amount <= ledger_core.max_amount()
        AND (
            NOT guarded
            OR (
                next_due_at > v_now AND frozen_at IS NULL
                AND last_entry_at <= v_now
                AND (entry.amount >= 0 OR balance - held + entry.amount >= min_balance)
            )
        )
    RETURNING last_seq, balance, last_entry_at, head_hash, next_due_at, has_budgets, debt, held, min_balance
    INTO
        entry.seq, entry.balance_after, entry.recorded_at, entry.hash, v_next_due_at, v_has_budgets, v_debt, v_held, v_floor;
    IF NOT FOUND THEN
        IF NOT guarded THEN
            PERFORM ledger_core.refuse_max_balance(entry.amount);
        ELSIF entry.amount < 0 OR EXISTS (
            SELECT 1 FROM ledger.accounts WHERE owner_id = entry.owner_id AND asset = entry.asset
        ) THEN
            RETURN NULL;
        END IF;
        PERFORM ledger_core.check_new_owner(entry.owner_id);
        INSERT INTO ledger.accounts (owner_id, asset, balance, last_seq, last_entry_at, head_hash)
        VALUES (
            entry.owner_id, entry.asset, entry.amount, 1, v_now, ledger_core.chain_hash(
                ledger_core.zero_hash(), ledger_core.hashed_entry(entry, v_options, 1, entry.amount, v_now)
            )
        )
        ON CONFLICT DO NOTHING
        RETURNING last_seq, balance, last_entry_at, head_hash, next_due_at
        INTO entry.seq, entry.balance_after, entry.recorded_at, entry.hash, v_next_due_at;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;

    v_is_budgeted := v_has_budgets AND entry.amount < 0 AND entry.reverses_seq IS NULL AND entry.app <> 'ledger';
    -- Entries older than ledger_core.nonces have their nonces in their own index only.
    IF NOT guarded AND entry.claim_subject IS NOT NULL THEN
        INSERT INTO ledger.entries SELECT entry.* ON CONFLICT (app, nonce) DO NOTHING;
        v_is_recorded := FOUND;
        v_is_counted := NOT v_is_budgeted;
    ELSIF v_is_budgeted THEN
        -- Most requests are under one budget. A statement of its own would cost a quarter of a plain call.
        WITH taken AS (
            INSERT INTO ledger_core.nonces (app, nonce) VALUES (entry.app, entry.nonce)
            ON CONFLICT DO NOTHING
            RETURNING 1
        ),

        recorded AS (
            INSERT INTO ledger.entries
            SELECT entry.*
            FROM taken
            ON CONFLICT (app, nonce) DO NOTHING
            RETURNING 1
        ),

        counted AS (
            UPDATE ledger.budget_use AS kept
            SET spent = kept.spent - entry.amount
            FROM recorded
            WHERE kept.owner_id = entry.owner_id AND kept.asset = entry.asset
                AND ledger_core.is_counted_at_once(
                    kept, entry.app, entry.operation, entry.spender, entry.recorded_at, -entry.amount
                )
                AND kept.version = (SELECT newest.version FROM ledger_core.budget_version AS newest)
            RETURNING 1
        )

        SELECT EXISTS (SELECT 1 FROM recorded), EXISTS (SELECT 1 FROM counted) INTO v_is_recorded, v_is_counted;
    ELSE
        WITH taken AS (
            INSERT INTO ledger_core.nonces (app, nonce) VALUES (entry.app, entry.nonce)
            ON CONFLICT DO NOTHING
            RETURNING 1
        )
        INSERT INTO ledger.entries
        SELECT entry.*
        FROM taken
        ON CONFLICT (app, nonce) DO NOTHING;
        v_is_recorded := FOUND;
    END IF;
    IF v_is_recorded THEN
        IF v_debt > 0 AND entry.amount > 0 AND NOT ledger_core.makes_lot(entry) THEN
            PERFORM ledger_core.pay_debt(entry.owner_id, entry.asset, entry.amount);
        END IF;
        IF guarded AND entry.amount < 0 AND v_next_due_at < 'infinity' THEN
            PERFORM ledger_core.take_lots(
                entry.owner_id, entry.asset, entry.seq, -entry.amount, entry.app, entry.operation,
                entry.balance_after - entry.amount - v_held, v_floor
            );
        -- What makes a lot has options.
        ELSIF guarded AND v_options <> '' AND ledger_core.makes_lot(entry) THEN
            PERFORM ledger_core.grant_lot(entry);
        END IF;
        IF NOT v_is_counted THEN
            PERFORM ledger_core.count_in_budgets(
                entry.owner_id, entry.asset, entry.app, entry.operation, entry.spender, entry.recorded_at, -entry.amount, 0
            );
        END IF;
        RETURN ledger_core.as_recorded(entry, FALSE);
    END IF;

    -- The nonce was taken meanwhile. Guarded, restore the account: cheaper than a savepoint in every call.
    IF NOT guarded THEN
        PERFORM ledger_core.refuse_nonce(entry.app, entry.nonce);
    END IF;
    SELECT hash, recorded_at INTO v_hash, v_recorded_at
    FROM ledger.entries
    WHERE owner_id = entry.owner_id AND asset = entry.asset AND seq = entry.seq - 1;
    UPDATE ledger.accounts
    SET
        balance = entry.balance_after - entry.amount,
        last_seq = entry.seq - 1,
        last_entry_at = coalesce(v_recorded_at, '-infinity'),
        head_hash = coalesce(v_hash, ledger_core.zero_hash())
    WHERE owner_id = entry.owner_id AND asset = entry.asset;
    IF v_options = '' THEN
        RETURN ledger_core.replay_of(entry);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.write_entry IS
'Writes an entry to a locked account and returns it. entry: the new row; its entry_id, xact_id, seq, balance_after and hash
are set here, and recorded_at if it is null, which it may be for entries without options (ledger_core.hashed_options).
guarded: recorded_at is null or the clock; check the account as well, and return null if more than this is needed.
Raises LG001 and LG311 for an owner who cannot have an account here, LG002 if the balance would pass ledger_core.max_amount,
LG201 if the nonce is taken, LG301 if guarded and lots that the spend may not use keep it from being covered, LG307.';
