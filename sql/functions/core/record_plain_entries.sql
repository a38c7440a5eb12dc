-- The set-based fast path: all plain items of a batch in one statement. It takes an account only if all
-- of the account's items are recorded: nothing due, no lots or holds, not frozen, never below its floor.
-- Items of other accounts are left to go one by one.
--
-- Accounts are read first and written once, chained hash and all; the write is guarded by last_seq. Who
-- has not locked the accounts before must be ready for 40001 (an account changed in between) and for
-- 23505 (a nonce is taken): then nothing may be kept.
CREATE OR REPLACE FUNCTION ledger_core.record_plain_entries(app text, entries jsonb, unfit_nonces text [])
RETURNS ledger.batch_result []
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock_timestamp();
    v_xact_id xid8 := pg_current_xact_id();
    v_accounts bigint;
    v_written bigint;
    v_results ledger.batch_result [];
BEGIN
    WITH chained AS MATERIALIZED (
        SELECT
            checked.*,
            ledger_core.chain(
                checked.head_hash,
                ledger_core.entry_bytes(
                    checked.seq, checked.entry_id, checked.amount, checked.balance_after, checked.recorded_at, v_xact_id,
                    checked.owner_id, checked.asset, record_plain_entries.app, checked.operation, checked.nonce,
                    checked.amount_defaulted, FALSE, checked.metadata, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
                )
            ) OVER (
                PARTITION BY checked.owner_id, checked.asset ORDER BY checked.position ROWS UNBOUNDED PRECEDING
            ) AS hash
        FROM (
            SELECT
                running.*,
                running.position = max(running.position) OVER whole_account AS is_head,
                bool_and(running.fit) OVER whole_account AS all_fit,
                min(CASE WHEN running.amount < 0 THEN running.balance_after END) OVER whole_account
                - running.unspendable AS lowest,
                max(running.balance_after) OVER whole_account AS highest
            FROM (
                SELECT
                    items.position,
                    items.owner_id COLLATE "C" AS owner_id,
                    items.asset COLLATE "C" AS asset,
                    items.operation,
                    items.nonce,
                    items.amount,
                    items.amount_defaulted,
                    items.metadata,
                    items.plain AND items.nonce NOT IN (SELECT unnest(record_plain_entries.unfit_nonces)) AS fit,
                    nextval('ledger_core.entry_ids') AS entry_id,
                    accounts.row_address,
                    accounts.last_seq,
                    accounts.head_hash,
                    accounts.held + accounts.min_balance AS unspendable,
                    greatest(accounts.last_entry_at, v_now) AS recorded_at,
                    accounts.last_seq + row_number() OVER so_far AS seq,
                    (accounts.balance + sum(items.amount) OVER so_far)::bigint AS balance_after
                FROM ledger_core.read_items(record_plain_entries.app, record_plain_entries.entries) AS items
                -- One look-up by key for each item, whatever the planner believes of the number of accounts.
                CROSS JOIN LATERAL (
                    SELECT accounts.*, accounts.ctid AS row_address
                    FROM ledger.accounts
                    WHERE accounts.owner_id = items.owner_id AND accounts.asset = items.asset
                        AND accounts.next_due_at = 'infinity' AND accounts.frozen_at IS NULL
                    OFFSET 0
                ) AS accounts
                WINDOW so_far AS (
                    PARTITION BY items.owner_id COLLATE "C", items.asset COLLATE "C"
                    ORDER BY items.position ROWS UNBOUNDED PRECEDING
                )
            ) AS running
            WINDOW whole_account AS (PARTITION BY running.owner_id, running.asset)
        ) AS checked
        WHERE checked.all_fit AND coalesce(checked.lowest, 0) >= 0 AND checked.highest <= 9007199254740991
    ),

    heads AS MATERIALIZED (
        SELECT * FROM chained
        WHERE chained.is_head
        -- Accounts are always locked in the order of their keys.
        ORDER BY chained.owner_id, chained.asset
    ),

    written AS (
        UPDATE ledger.accounts
        SET
            balance = heads.balance_after,
            last_seq = heads.seq,
            last_entry_at = heads.recorded_at,
            head_hash = heads.hash
        FROM heads
        WHERE accounts.ctid = heads.row_address
            -- Nothing has changed since it was read: neither the entries, nor what else decides.
            AND accounts.last_seq = heads.last_seq AND accounts.held + accounts.min_balance = heads.unspendable
            AND accounts.next_due_at = 'infinity' AND accounts.frozen_at IS NULL
        RETURNING 1
    ),

    recorded AS (
        INSERT INTO ledger.entries (
            owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce, amount_defaulted,
            expiry_defaulted, metadata, recorded_at, xact_id, hash
        )
        SELECT
            chained.owner_id, chained.asset, chained.seq, chained.entry_id, record_plain_entries.app, chained.operation,
            chained.amount, chained.balance_after, chained.nonce, chained.amount_defaulted, FALSE, chained.metadata,
            chained.recorded_at, v_xact_id, chained.hash
        FROM chained
    )

    SELECT
        (SELECT count(*) FROM heads),
        (SELECT count(*) FROM written),
        ARRAY(
            SELECT (
                chained.position, chained.entry_id, chained.seq, chained.owner_id, chained.asset,
                record_plain_entries.app, chained.operation, chained.amount, chained.balance_after, chained.nonce,
                chained.metadata, NULL, NULL, NULL, chained.recorded_at, FALSE, NULL, NULL, NULL, NULL
            )::ledger.batch_result
            FROM chained
            ORDER BY chained.position
        )
    INTO v_accounts, v_written, v_results;

    IF v_written <> v_accounts THEN
        RAISE serialization_failure USING MESSAGE = 'An account changed while a batch was under way.';
    END IF;
    RETURN v_results;
END
$$;

COMMENT ON FUNCTION ledger_core.record_plain_entries(text, jsonb, text []) IS
'Records the plain items of all accounts that can take all of theirs, and returns the results in order. unfit_nonces: items that must go one by one. Raises 40001 or 23505 if the optimism was wrong: roll back to before the call.';
