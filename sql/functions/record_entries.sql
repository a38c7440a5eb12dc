-- Most batches go through ledger_core.record_plain_entries in one statement. Accounts for which that
-- will not do (claims, expiry, holds, retries, refusals) go item by item through ledger.record_entry,
-- under locks taken in the order of the keys; the others do not pay for them.
CREATE OR REPLACE FUNCTION ledger.record_entries(app text, entries jsonb, atomic boolean DEFAULT FALSE)
RETURNS SETOF ledger.batch_result
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_owner_ids text [];
    v_assets text [];
    v_operations text [];
    v_nonces text [];
    v_amounts bigint [];
    v_defaulted boolean [];
    v_metadatas jsonb [];
    v_plain boolean [];
    v_owners integer;
    v_shared boolean;
    v_seqs bigint [];
    v_balances bigint [];
    v_entry_ids bigint [];
    v_recorded_ats timestamptz [];
    v_left integer [];
    v_single ledger.batch_result [] := '{}';
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
    SELECT
        array_agg(items.owner_id), array_agg(items.asset), array_agg(items.operation), array_agg(items.nonce),
        array_agg(items.amount), array_agg(items.amount_defaulted), array_agg(items.metadata), array_agg(items.plain)
    INTO
        v_owner_ids, v_assets, v_operations, v_nonces, v_amounts, v_defaulted, v_metadatas, v_plain
    FROM ledger_core.read_items(record_entries.app, record_entries.entries) AS items;
    IF v_plain IS NULL THEN
        RETURN;
    END IF;

    -- By themselves: beside the arrays, DISTINCT would let the planner sort what they gather.
    v_owners := (SELECT count(DISTINCT owners.owner_id COLLATE "C") FROM unnest(v_owner_ids) AS owners (owner_id));
    v_shared := cardinality(v_nonces)
        > (SELECT count(DISTINCT nonces.nonce COLLATE "C") FROM unnest(v_nonces) AS nonces (nonce))
        OR record_entries.entries @? '$[*].claim_subject';
    IF v_shared THEN
        v_plain := ledger_core.fresh_nonces_only(record_entries.app, v_nonces, v_plain);
    END IF;
    IF FALSE = ANY (v_plain) THEN
        v_plain := ledger_core.plain_owners_only(v_owner_ids, v_plain);
    END IF;

    FOR v_attempt IN 1..3 LOOP
        IF v_attempt = 2 THEN
            -- The first try met another transaction, a used nonce, or many new accounts.
            PERFORM ledger_core.lock_accounts(v_owner_ids, v_assets, TRUE);
            v_plain := ledger_core.plain_owners_only(
                v_owner_ids, ledger_core.fresh_nonces_only(record_entries.app, v_nonces, v_plain)
            );
            PERFORM ledger_core.make_accounts(v_owner_ids, v_assets, v_amounts, v_plain);
        ELSIF v_attempt = 3 THEN
            v_plain := array_fill(FALSE, ARRAY[cardinality(v_plain)]);
        ELSIF v_owners * 4 <= cardinality(v_plain) THEN
            -- Few owners with many items each are likely to be contended: no optimism.
            PERFORM ledger_core.lock_accounts(v_owner_ids, v_assets, TRUE);
        END IF;
        BEGIN
            SELECT done.seqs, done.balances, done.entry_ids, done.recorded_ats
            INTO v_seqs, v_balances, v_entry_ids, v_recorded_ats
            FROM ledger_core.record_plain_entries(
                record_entries.app, v_owner_ids, v_assets, v_operations, v_nonces, v_amounts, v_defaulted, v_metadatas,
                v_plain
            ) AS done;
            v_left := array_positions(v_seqs, NULL);
            IF v_attempt = 1 AND cardinality(v_left) > 0 THEN
                IF cardinality(v_left) * 8 > cardinality(v_plain) AND TRUE = ANY (v_plain) THEN
                    RAISE serialization_failure;
                END IF;
                -- Waiting now, out of order, could deadlock with another batch.
                PERFORM ledger_core.lock_accounts(v_owner_ids, v_assets, FALSE);
            END IF;
            EXIT;
        EXCEPTION
            WHEN serialization_failure OR unique_violation OR lock_not_available THEN
                NULL; -- nothing is kept; the next try is more careful
        END;
    END LOOP;

    -- Accounts are locked, and made, in the order of their keys, unless the order of items of different
    -- owners matters: where they share a nonce or a claim_subject, or the first refusal is to be raised.
    IF NOT (v_shared OR record_entries.atomic) THEN
        v_left := ledger_core.by_account(v_left, v_owner_ids, v_assets);
    END IF;
    FOREACH v_position IN ARRAY v_left LOOP
        v_single := v_single || ledger_core.record_item(
            record_entries.app, record_entries.entries -> (v_position - 1), v_position, record_entries.atomic
        );
    END LOOP;
    RETURN QUERY
    SELECT * FROM ledger_core.plain_results(
        record_entries.app, v_owner_ids, v_assets, v_operations, v_nonces, v_amounts, v_metadatas, v_seqs, v_balances,
        v_entry_ids, v_recorded_ats
    )
    UNION ALL
    SELECT single.* FROM unnest(v_single) AS single
    ORDER BY 1;
END
$$;

COMMENT ON FUNCTION ledger.record_entries(text, jsonb, boolean) IS
'Records a batch of at most 10000 entries with the meaning of ledger.record_entry called for each in order, and returns a row per item in that order: position (from 1) and the entry, or the code, message, detail and hint of its refusal, which touches no other item.
entries: a JSON array of objects with the fields of record_entry: owner_id, operation, nonce, and where wanted amount, metadata, expires_at (RFC 3339), claim_subject. atomic: all or none; the first refusal is raised, with its position in the detail.
Raises LG001, LG101, LG401 for the batch as a whole; if atomic, every refusal of record_entry.';
