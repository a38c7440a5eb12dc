-- requires: dropped/0.1_answers
-- Three attempts, each only if the one before fails:
--
--   1  plain items in one statement  (record_plain_batch), nothing locked before    most batches end here
--      what it leaves  (record_mixed_batch), if the accounts are not locked
--        │ a sample shows that many items are not plain; an account changed meanwhile; a nonce is taken
--   2  all items in memory  (record_mixed_batch), accounts locked before
--        │ a nonce, a claim or a new owner was taken meanwhile; an account has something due and nothing was recorded
--   3  the same, warily
--        │ what is rarer still, and the first refusal of an atomic batch
--   what is left  singly, by ledger.record_entry  (record_one_item)
--
-- A batch with transfers is recorded singly, in its own order: each changes two accounts.
-- A batch with few owners locks its accounts in attempt 1 as well, since they are likely to be contended.
CREATE OR REPLACE FUNCTION ledger.record_entries(app text, entries jsonb, atomic boolean DEFAULT FALSE)
RETURNS SETOF ledger.batch_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Plans by key, whatever the statistics say: of a table that was never analyzed the planner expects one row, and would
-- compare all with all. Also saves planning for every batch.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_results ledger.batch_row [];
    v_items integer;
    v_transfers boolean := record_entries.entries @? '$[*].to_owner_id ? (@ != null)';
    v_refused boolean := v_transfers;
    v_shared boolean;
    v_position integer;
BEGIN
    IF coalesce(jsonb_typeof(record_entries.entries) <> 'array', TRUE)
        OR jsonb_array_length(record_entries.entries) > ledger_core.max_batch()
    THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'entries', 'reason', format('must be a JSON array of at most %s entries', ledger_core.max_batch())
        ));
    END IF;
    PERFORM ledger_core.check_authorized(record_entries.app);
    IF v_transfers AND ledger_core.max_batched_transfers() < (
        SELECT count(*) FROM jsonb_array_elements(record_entries.entries) AS elements (item)
        WHERE elements.item ->> 'to_owner_id' IS NOT NULL
    ) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'entries',
            'reason', format('must have at most %s transfers (to_owner_id)', ledger_core.max_batched_transfers())
        ));
    END IF;

    v_items := jsonb_array_length(record_entries.entries);
    FOR v_attempt IN 1..4 LOOP
        v_results := '{}';
        EXIT WHEN v_attempt = 4 OR v_refused;
        CONTINUE WHEN v_attempt = 1
            AND ledger_core.is_mixed_batch(record_entries.app, record_entries.entries);
        BEGIN
            IF v_attempt = 1 THEN
                IF ledger_core.has_few_owners(record_entries.entries) THEN
                    PERFORM ledger_core.lock_accounts(record_entries.app, record_entries.entries);
                END IF;
                v_results := ledger_core.record_plain_batch(record_entries.app, record_entries.entries);
                IF cardinality(v_results) < v_items THEN
                    IF ledger_core.has_repeated_nonce(record_entries.entries) THEN
                        RAISE serialization_failure;
                    END IF;
                    v_results := ledger_core.record_mixed_batch(
                        record_entries.app, record_entries.entries, v_results, FALSE
                    );
                END IF;
            ELSE
                v_results := ledger_core.record_mixed_batch(
                    record_entries.app, record_entries.entries, '{}', v_attempt = 3
                );
            END IF;
            v_refused := record_entries.atomic
                AND EXISTS (SELECT 1 FROM unnest(v_results) AS results WHERE results.code IS NOT NULL);
            IF v_refused THEN
                RAISE serialization_failure;
            END IF;
            EXIT;
        EXCEPTION
            WHEN serialization_failure OR unique_violation THEN
                NULL; -- Keep nothing: the next attempt is more careful.
        END;
    END LOOP;
    IF cardinality(v_results) = v_items THEN
        RETURN QUERY SELECT * FROM unnest(v_results) AS results ORDER BY results."position";
        RETURN;
    END IF;

    v_shared := v_transfers
        OR ledger_core.has_repeated_nonce(record_entries.entries)
        OR record_entries.entries @? '$[*].claim_subject ? (@ != null)';
    IF v_shared OR record_entries.atomic THEN
        -- Items are recorded in their own order below, which may be another one in another batch.
        PERFORM ledger_core.lock_accounts(record_entries.app, record_entries.entries);
    END IF;
    FOR v_position IN
        SELECT items."position"
        FROM ledger_core.checked_items(record_entries.app, record_entries.entries) AS items
        WHERE items."position" NOT IN (SELECT done."position" FROM unnest(v_results) AS done)
        -- Lock accounts in the order of their keys, unless the order of items of different owners matters: because
        -- they share a key, or because the first refusal is to be raised.
        ORDER BY
            CASE WHEN NOT (v_shared OR atomic) THEN items.owner_id END COLLATE "C",
            CASE WHEN NOT (v_shared OR atomic) THEN items.asset END COLLATE "C",
            items."position"
    LOOP
        v_results := v_results || ledger_core.record_one_item(
            record_entries.app, record_entries.entries -> (v_position - 1), v_position, record_entries.atomic
        );
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(v_results) AS results ORDER BY results."position";
END
$$;

COMMENT ON FUNCTION ledger.record_entries IS
'Records a batch of at most 10000 entries with the meaning of ledger.record_entry called for each in order, and returns a
row per item in that order: position (from 1) and the entry, or the code, message, detail and hint of its refusal, which
touches no other item.
entries: a JSON array of objects with the fields of record_entry: owner_id, operation, nonce, and where wanted amount,
metadata, expires_at (RFC 3339), claim_subject, claim_deadline (RFC 3339), spender, quantity; or, with to_owner_id, of
ledger.transfer_credits, whose owner_id is the sender and whose result is the sender''s entry (at most 500 of these). atomic: all or none; the first refusal is raised, with its position in the
detail.
Raises LG001, LG101, LG401 for the batch as a whole; if atomic, every refusal of record_entry.';
