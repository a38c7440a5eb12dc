-- Most batches go through ledger_core.record_plain_entries in one statement. Accounts for which that
-- will not do (claims, expiry, holds, retries, refusals) go item by item through ledger.record_entry,
-- under locks taken in the order of the keys; the others do not pay for them.
CREATE OR REPLACE FUNCTION ledger.record_entries(app text, entries jsonb, atomic boolean DEFAULT FALSE)
RETURNS SETOF ledger.batch_result
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Plans by key and address whatever the statistics say: on a table not yet analyzed the planner believes
-- in one account, and would compare all with all. And none is made anew for every batch.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_unfit_nonces text [];
    v_results ledger.batch_result [];
    v_left integer;
    v_shared boolean;
    v_position integer;
BEGIN
    IF coalesce(jsonb_typeof(record_entries.entries) <> 'array', TRUE)
        OR jsonb_array_length(record_entries.entries) > 10000
    THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'entries', 'reason', 'must be a JSON array of at most 10000 entries'
        ));
    END IF;
    PERFORM ledger_core.check_authorized(record_entries.app);

    FOR v_attempt IN 1..3 LOOP
        v_results := '{}';
        v_left := jsonb_array_length(record_entries.entries);
        EXIT WHEN v_attempt = 3;
        IF v_attempt = 2 OR ledger_core.has_few_owners(record_entries.entries) THEN
            -- The first try met another transaction, a used nonce, or many new accounts; or few owners have
            -- many items each, and are likely to be contended.
            v_unfit_nonces := ledger_core.prepare_accounts(
                record_entries.app, record_entries.entries, v_attempt = 2
            );
        ELSE
            v_unfit_nonces := ledger_core.nonces_to_record_singly(record_entries.app, record_entries.entries, FALSE);
        END IF;
        BEGIN
            v_results := ledger_core.record_plain_entries(record_entries.app, record_entries.entries, v_unfit_nonces);
            v_left := v_left - cardinality(v_results);
            IF v_attempt = 1 AND v_left > 0 THEN
                IF ledger_core.has_repeated_nonce(record_entries.entries)
                    OR ledger_core.has_plain_items_left(record_entries.app, record_entries.entries, v_results)
                THEN
                    RAISE serialization_failure;
                END IF;
                -- Waiting now, out of order, could deadlock with another batch.
                PERFORM ledger_core.lock_accounts_nowait(record_entries.app, record_entries.entries);
            END IF;
            EXIT;
        EXCEPTION
            WHEN serialization_failure OR unique_violation OR lock_not_available THEN
                NULL; -- nothing is kept; the next try is more careful
        END;
    END LOOP;
    IF v_left = 0 THEN
        RETURN QUERY SELECT * FROM unnest(v_results);
        RETURN;
    END IF;

    v_shared := ledger_core.has_repeated_nonce(record_entries.entries)
        OR record_entries.entries @? '$[*].claim_subject ? (@ != null)';
    FOR v_position IN
        SELECT items."position"
        FROM ledger_core.read_items(record_entries.app, record_entries.entries) AS items
        WHERE items."position" NOT IN (SELECT done."position" FROM unnest(v_results) AS done)
        -- Accounts are locked, and made, in the order of their keys, unless the order of items of
        -- different owners matters: where they share a key, or the first refusal is to be raised.
        ORDER BY
            CASE WHEN NOT (v_shared OR atomic) THEN items.owner_id END COLLATE "C",
            CASE WHEN NOT (v_shared OR atomic) THEN items.asset END COLLATE "C",
            items."position"
    LOOP
        v_results := v_results || ledger_core.record_item(
            record_entries.app, record_entries.entries -> (v_position - 1), v_position, record_entries.atomic
        );
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(v_results) AS results ORDER BY results."position";
END
$$;

COMMENT ON FUNCTION ledger.record_entries IS
'Records a batch of at most 10000 entries with the meaning of ledger.record_entry called for each in order, and returns a row per item in that order: position (from 1) and the entry, or the code, message, detail and hint of its refusal, which touches no other item.
entries: a JSON array of objects with the fields of record_entry: owner_id, operation, nonce, and where wanted amount, metadata, expires_at (RFC 3339), claim_subject. atomic: all or none; the first refusal is raised, with its position in the detail.
Raises LG001, LG101, LG401 for the batch as a whole; if atomic, every refusal of record_entry.';
