-- requires: dropped/0.1_answers
-- Idea: order by transaction id and stop before the oldest one still running, as change feeds over
-- pg_current_snapshot() do; a sequence would let a late commit slip in behind a reader.
-- Within a closed generation, everything is decided: it is read whole.
CREATE OR REPLACE FUNCTION ledger.entries_after("cursor" text DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS SETOF ledger.feed_row
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_position record;
    v_generation record;
    v_left integer := max_rows;
    v_found integer;
BEGIN
    PERFORM ledger_core.check_at_most('max_rows', entries_after.max_rows, ledger_core.max_feed_page());
    SELECT * INTO STRICT v_position FROM ledger_core.feed_position(entries_after."cursor");
    IF ledger_core.ids_have_run_back() THEN
        PERFORM ledger_core.refuse('generation_needed');
    END IF;
    FOR v_generation IN
        SELECT
            generation,
            first_entry_id,
            coalesce(end_entry_id, 9223372036854775807) AS end_entry_id,
            CASE
                WHEN end_entry_id IS NULL THEN pg_snapshot_xmin(pg_current_snapshot())
                ELSE '18446744073709551615'
            END AS end_xact_id
        FROM ledger.generations
        WHERE generation >= v_position.generation
        ORDER BY generation
    LOOP
        RETURN QUERY
        SELECT
            ledger_core.feed_cursor(v_generation.generation, entries),
            (ledger_core.as_entry(entries)).*
        FROM ledger.entries
        WHERE xact_id >= v_position.xact_id
            AND (xact_id > v_position.xact_id OR entry_id > v_position.entry_id)
            AND xact_id < v_generation.end_xact_id
            AND entry_id >= v_generation.first_entry_id AND entry_id < v_generation.end_entry_id
        ORDER BY xact_id, entry_id
        LIMIT v_left;
        GET DIAGNOSTICS v_found = ROW_COUNT;
        v_left := v_left - v_found;
        EXIT WHEN v_left = 0;
        v_position.xact_id := '0';
        v_position.entry_id := 0;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger.entries_after IS
'The change feed over all accounts: up to max_rows (1 to 10000) entries after a cursor (null: from the beginning).
Each row has the cursor of its position; pass that of the last row next time.
Every committed entry comes exactly once, in the order in which the transactions began to write; order those of one
account by seq.
A row appears once every older transaction of the server has ended, so that none is skipped. Raises LG001, also for
the cursor of an entry that this ledger does not have (it was lost in a recovery); LG905 if the ledger was moved to
another server and no generation was begun there.';
