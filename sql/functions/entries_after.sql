-- Idea: order by transaction id and stop before the oldest one still running, as change feeds over
-- pg_current_snapshot() do; a sequence would let a late commit slip in behind a reader.
CREATE OR REPLACE FUNCTION ledger.entries_after("cursor" text DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS SETOF ledger.feed_entry
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_xact_id xid8 := '0';
    v_entry_id bigint := 0;
BEGIN
    PERFORM ledger_core.check_at_most('max_rows', entries_after.max_rows, ledger_core.max_feed_page());
    IF entries_after."cursor" !~ '^[0-9]{1,19}-[0-9]{1,18}$' THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'cursor', 'reason', 'must be the cursor of an earlier row, or null for the beginning'
        ));
    ELSIF entries_after."cursor" IS NOT NULL THEN
        v_xact_id := split_part(entries_after."cursor", '-', 1)::xid8;
        v_entry_id := split_part(entries_after."cursor", '-', 2);
    END IF;
    RETURN QUERY
    SELECT format('%s-%s', xact_id, entry_id), (ledger_core.as_entry(entries)).*
    FROM ledger.entries
    WHERE xact_id >= v_xact_id
        AND (xact_id > v_xact_id OR entry_id > v_entry_id)
        AND xact_id < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xact_id, entry_id
    LIMIT entries_after.max_rows;
END
$$;

COMMENT ON FUNCTION ledger.entries_after IS
'The change feed over all accounts: up to max_rows (1 to 10000) entries after a cursor (null: from the beginning).
Each row has the cursor of its position; pass that of the last row next time.
Every committed entry comes exactly once, in the order in which the transactions began to write; order those of one
account by seq.
A row appears once every older transaction of the server has ended, so that none is skipped. Raises LG001.';
