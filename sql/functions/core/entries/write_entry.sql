-- The only place that writes a single entry: the account's row and the entry, chained by hash.
--
-- Guarded, it is the whole fast path: one UPDATE that locks the account, checks it and writes it, for plain accounts
-- (ledger_core.is_plain_account) and entries without options (ledger_core.hashed_options). It changes nothing and
-- returns null if the account is not plain, does not exist, or would fall below its floor, or if the nonce is taken:
-- ledger_core.record_step_by_step takes over.
-- Unguarded, the caller holds the account's lock (ledger_core.lock_account) and has checked all but the nonce.
CREATE OR REPLACE FUNCTION ledger_core.write_entry(entry ledger.entries, guarded boolean DEFAULT FALSE)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_options text := '';
    v_hash bytea;
    v_recorded_at timestamptz;
BEGIN
    -- Waiters on a row lock wake each other inefficiently. Queueing on an advisory lock first is faster; correctness
    -- does not depend on it. Only a transaction that has not written yet queues, so that none ever holds many.
    IF guarded AND pg_current_xact_id_if_assigned() IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(entry.owner_id, 0));
    END IF;
    entry.entry_id := nextval('ledger_core.entry_ids');
    entry.xact_id := pg_current_xact_id();
    v_now := coalesce(entry.recorded_at, clock_timestamp());
    IF NOT guarded THEN
        v_options := ledger_core.hashed_options(entry);
    END IF;

    UPDATE ledger.accounts
    SET
        balance = balance + entry.amount,
        last_seq = last_seq + 1,
        last_entry_at = greatest(last_entry_at, v_now),
        head_hash = ledger_core.chain_hash(head_hash, ledger_core.hashed_entry(
            entry, v_options, last_seq + 1, balance + entry.amount, greatest(last_entry_at, v_now)
        ))
    WHERE owner_id = entry.owner_id AND asset = entry.asset
        AND balance + entry.amount <= ledger_core.max_amount()
        AND (
            NOT guarded
            OR (
                ledger_core.is_plain_account(next_due_at, frozen_at)
                AND (entry.amount >= 0 OR balance - held + entry.amount >= min_balance)
            )
        )
    RETURNING last_seq, balance, last_entry_at, head_hash
    INTO entry.seq, entry.balance_after, entry.recorded_at, entry.hash;
    IF NOT FOUND THEN
        IF guarded THEN
            RETURN NULL;
        END IF;
        PERFORM ledger_core.refuse(
            'amount_out_of_bounds',
            jsonb_build_object('amount', entry.amount, 'max_balance', ledger_core.max_amount()),
            format('A balance cannot pass %s (2^53 - 1).', ledger_core.max_amount())
        );
    END IF;

    INSERT INTO ledger.entries
    SELECT entry.*
    WHERE NOT EXISTS (
        SELECT 1 FROM ledger.holds
        WHERE holds.owner_id = entry.owner_id AND holds.app = entry.app AND holds.nonce = entry.nonce
    )
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN ledger_core.as_recorded(entry, FALSE);
    END IF;

    -- The nonce is taken. Guarded, restore the account: cheaper than a savepoint in every call.
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
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ledger_core.write_entry IS
'Writes an entry to a locked account and returns it. entry: the new row; its entry_id, xact_id, seq, balance_after and hash
are set here, and recorded_at if it is null. guarded: check first that the account is plain and has enough, and return null
if not. Raises LG002 if the balance would pass ledger_core.max_amount, LG201 if the nonce is taken.';
