CREATE FUNCTION ledger_front.entries_after(cursor text, max_rows integer)
RETURNS SETOF ledger.feed_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_cursors jsonb := '{}';
    v_partition record;
    v_entry ledger.feed_row;
    v_share integer;
    v_found boolean := FALSE;
    v_away text;
BEGIN
    SELECT coalesce(jsonb_object_agg(read.part [1], read.part [2]), '{}') INTO v_cursors
    FROM (
        SELECT regexp_match(word, '^([a-z][a-z0-9_]*):([0-9a-f-]+)$') AS part
        FROM regexp_split_to_table(entries_after.cursor, ',') AS word
    ) AS read
    WHERE read.part [1] IN (SELECT name FROM ledger_front.partitions());
    IF (SELECT count(*) FROM jsonb_object_keys(v_cursors))
        < (SELECT count(*) FROM regexp_split_to_table(entries_after.cursor, ',')) THEN
        PERFORM ledger_front.refuse('invalid_request', jsonb_build_object(
            'field', 'cursor', 'reason', 'must be a cursor that the feed of this cluster has returned'
        ));
    END IF;
    v_share := entries_after.max_rows;
    -- Any partition refuses what is no number of rows.
    IF v_share BETWEEN 1 AND ledger_front.max_feed_page() THEN
        v_share := v_share / (SELECT count(*) FROM ledger_front.partitions());
        IF v_share = 0 THEN
            PERFORM ledger_front.refuse('invalid_request', jsonb_build_object(
                'field', 'max_rows',
                'reason', format('must be at least %s, the number of partitions', (SELECT count(*) FROM ledger_front.partitions()))
            ));
        END IF;
    END IF;
    FOR v_partition IN SELECT * FROM ledger_front.partitions()
    LOOP
        BEGIN
            FOR v_entry IN
                SELECT entries.*
                FROM ledger_front.read_feed(
                    v_partition.number, ledger_front.caller(), current_setting('lock_timeout'), FALSE,
                    v_cursors ->> v_partition.name, v_share
                ) AS answer
                CROSS JOIN LATERAL json_populate_record(NULL::ledger.feed_row, ledger_front.checked(answer)) AS entries
            LOOP
                v_found := TRUE;
                v_cursors := v_cursors || jsonb_build_object(v_partition.name, v_entry.cursor);
                v_entry.cursor := (
                    SELECT string_agg(key || ':' || value, ',' ORDER BY key COLLATE "C") FROM jsonb_each_text(v_cursors)
                );
                RETURN NEXT v_entry;
            END LOOP;
        EXCEPTION
            WHEN OTHERS THEN
                IF NOT ledger_front.is_lost(sqlstate) THEN
                    RAISE;
                END IF;
                v_away := sqlerrm;
        END;
    END LOOP;
    IF v_away IS NOT NULL AND NOT v_found THEN
        PERFORM ledger_front.unavailable(v_away);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_front.entries_after IS
'The change feed of all partitions: as ledger.entries_after, with a position of each partition in the cursor. Entries of a
partition come in its order, after those of another. While a partition is away, the others are read. Raises LG001, and LG906
if nothing is new on the partitions that answer and one is away.';
