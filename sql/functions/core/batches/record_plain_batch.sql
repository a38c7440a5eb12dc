-- requires: dropped/0.1_answers
-- The set-based fast path: the plain items of a batch in one statement. It takes plain accounts whose last entry is not
-- younger than the clock, and of each account's items those before the first that is not plain or would be refused. That item
-- and those after it are left to ledger_core.record_mixed_batch.
--
-- Accounts are read first and written once, with the head of their chain; last_seq guards the write. A caller that
-- has not locked the accounts must be prepared for 40001 (an account changed in between) and for 23505 (a nonce is
-- taken), and keep nothing then.
CREATE OR REPLACE FUNCTION ledger_core.record_plain_batch(app text, entries jsonb)
RETURNS ledger.batch_row []
LANGUAGE plpgsql
-- Forces the plan that locks accounts by address in the order of their keys. The planner would scan a small table
-- whole, and lock accounts in physical order: a deadlock with other batches.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
    v_xact_id xid8 := pg_current_xact_id();
    v_unchanged boolean;
    v_results ledger.batch_row [];
BEGIN
    -- Rows carry as few columns as possible from step to step. All windows are alike, so rows are sorted once.
    WITH ready AS MATERIALIZED (
        SELECT
            chained.is_head,
            chained.row_address,
            chained.last_seq,
            chained.unspendable,
            chained.seq,
            chained.balance_after,
            chained.hash,
            chained.position,
            chained.entry_id,
            chained.owner_id,
            chained.asset,
            chained.operation,
            chained.amount,
            chained.nonce,
            chained.amount_defaulted,
            chained.metadata
        FROM (
            SELECT
                checked.*,
                bool_and(checked.accepted) OVER so_far AS all_accepted,
                NOT lead(checked.accepted, 1, FALSE) OVER so_far AS is_head,
                ledger_core.chain(
                    checked.head_hash,
                    -- Not a row of ledger.entries, which a migration that adds a column would break for calls under way.
                    ledger_core.hashed_fields(
                        checked.seq, checked.entry_id, checked.amount, checked.balance_after, v_now, v_xact_id,
                        checked.owner_id, checked.asset, record_plain_batch.app, checked.operation, checked.nonce,
                        checked.amount_defaulted, FALSE, checked.metadata, ''
                    )
                ) OVER so_far AS hash
            FROM (
                SELECT
                    running.*,
                    coalesce(
                        running.eligible AND running.balance_after <= ledger_core.max_amount()
                        AND (running.amount >= 0 OR running.balance_after >= running.unspendable),
                        FALSE
                    ) AS accepted
                FROM (
                    SELECT
                        items.position,
                        accounts.owner_id,
                        accounts.asset,
                        items.operation,
                        items.nonce,
                        items.amount,
                        items.amount_defaulted,
                        items.metadata,
                        items.plain AS eligible,
                        nextval('ledger_core.entry_ids') AS entry_id,
                        accounts.row_address,
                        accounts.last_seq,
                        accounts.head_hash,
                        accounts.unspendable,
                        accounts.last_seq + row_number() OVER so_far AS seq,
                        accounts.balance + (sum(items.amount) OVER so_far)::bigint AS balance_after
                    FROM ledger_core.checked_items(record_plain_batch.app, record_plain_batch.entries) AS items
                    -- Forces one look-up by key for each item, whatever the planner believes of the number of accounts.
                    CROSS JOIN LATERAL (
                        SELECT
                            accounts.ctid AS row_address,
                            accounts.owner_id,
                            accounts.asset,
                            accounts.balance,
                            accounts.held + accounts.min_balance AS unspendable,
                            accounts.last_seq,
                            accounts.head_hash
                        FROM ledger.accounts
                        WHERE accounts.owner_id = items.owner_id AND accounts.asset = items.asset
                            AND ledger_core.is_plain_account(accounts.next_due_at, accounts.frozen_at) AND NOT accounts.has_budgets
                            AND accounts.last_entry_at <= v_now
                        OFFSET 0
                    ) AS accounts
                    WINDOW so_far AS (
                        PARTITION BY accounts.owner_id, accounts.asset ORDER BY items.position ROWS UNBOUNDED PRECEDING
                    )
                ) AS running
            ) AS checked
            WINDOW so_far AS (
                PARTITION BY checked.owner_id, checked.asset ORDER BY checked.position ROWS UNBOUNDED PRECEDING
            )
        ) AS chained
        WHERE chained.all_accepted
    ),

    written AS (
        UPDATE ledger.accounts
        SET
            balance = heads.balance_after,
            debt = least(accounts.debt, greatest(0, accounts.min_balance - heads.balance_after)),
            last_seq = heads.seq,
            last_entry_at = v_now,
            head_hash = heads.hash
        FROM (
            SELECT
                ready.row_address,
                ready.last_seq,
                ready.unspendable,
                ready.seq,
                ready.balance_after,
                ready.hash
            FROM ready
            WHERE ready.is_head
            -- Accounts are always locked in the order of their keys.
            ORDER BY ready.owner_id, ready.asset
        ) AS heads
        WHERE accounts.ctid = heads.row_address
            -- Nothing that decides has changed since the account was read. Comparing ctid is not enough: not every
            -- version of PostgreSQL looks at it again after waiting for a lock.
            AND accounts.last_seq = heads.last_seq AND accounts.held + accounts.min_balance = heads.unspendable
            AND ledger_core.is_plain_account(accounts.next_due_at, accounts.frozen_at) AND NOT accounts.has_budgets
        RETURNING 1
    ),

    recorded AS (
        INSERT INTO ledger.entries (
            owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce, amount_defaulted,
            expiry_defaulted, metadata, recorded_at, xact_id, hash
        )
        SELECT
            ready.owner_id, ready.asset, ready.seq, ready.entry_id, record_plain_batch.app, ready.operation,
            ready.amount, ready.balance_after, ready.nonce, ready.amount_defaulted, FALSE, ready.metadata,
            v_now, v_xact_id, ready.hash
        FROM ready
    ),

    taken AS (
        INSERT INTO ledger_core.nonces (app, nonce)
        SELECT record_plain_batch.app, ready.nonce
        FROM ready
    )

    SELECT
        (SELECT count(*) FROM written) = (SELECT count(*) FROM ready WHERE ready.is_head),
        ARRAY(
            SELECT (
                ready.position, ready.entry_id, ready.seq, ready.owner_id, ready.asset,
                record_plain_batch.app, ready.operation, ready.amount, ready.balance_after, ready.nonce,
                ready.metadata, NULL, NULL, NULL, v_now, FALSE, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            )::ledger.batch_row
            FROM ready
            ORDER BY ready.position
        )
    INTO v_unchanged, v_results;

    IF NOT v_unchanged THEN
        RAISE serialization_failure USING MESSAGE = 'An account changed while a batch was under way.';
    END IF;
    RETURN v_results;
END
$$;

COMMENT ON FUNCTION ledger_core.record_plain_batch IS
'Records items of a batch and returns the results in order: for each account, those before its first item that is not plain
or would be refused. Raises 40001 or 23505 if an account or nonce was taken meanwhile: roll back to before the call.';
