CREATE OR REPLACE FUNCTION ledger_core.feed_position("cursor" text)
RETURNS TABLE (generation integer, xact_id xid8, entry_id bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_cursor text := feed_position."cursor";
    v_hash text := split_part(feed_position."cursor", '-', 4);
BEGIN
    IF v_cursor ~ '^[1-9][0-9]{0,8}-[0-9]{1,19}-[0-9]{1,18}-[0-9a-f]{8}$' THEN
        generation := split_part(v_cursor, '-', 1);
        xact_id := split_part(v_cursor, '-', 2)::xid8;
        entry_id := split_part(v_cursor, '-', 3);
    ELSIF v_cursor ~ '^[0-9]{1,19}-[0-9]{1,18}$' THEN
        -- Of release 0.1, which knew one generation and no hash.
        generation := 1;
        xact_id := split_part(v_cursor, '-', 1)::xid8;
        entry_id := split_part(v_cursor, '-', 2);
    ELSIF v_cursor IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'cursor', 'reason', 'must be the cursor of an earlier row, or null for the beginning'
        ));
    END IF;
    -- The beginning, which release 0.1 also called so.
    IF v_cursor IS NULL OR v_cursor = '0-0' THEN
        RETURN QUERY SELECT 1, '0'::xid8, 0::bigint;
        RETURN;
    END IF;
    IF NOT EXISTS (
        SELECT 1
        FROM ledger.entries
        INNER JOIN ledger.generations
            ON entries.entry_id >= generations.first_entry_id
            AND (entries.entry_id < generations.end_entry_id OR generations.end_entry_id IS NULL)
        WHERE entries.xact_id = feed_position.xact_id AND entries.entry_id = feed_position.entry_id
            AND generations.generation = feed_position.generation
            AND (v_hash = '' OR starts_with(encode(entries.hash, 'hex'), v_hash))
    ) THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object('field', 'cursor', 'reason', 'is of an entry that this ledger does not have'),
            'The entry was lost in a recovery, or is of another ledger. Try earlier cursors that you have kept, the newest '
            'first: undo what you have seen after the first one that is accepted, and read on from there.'
        );
    END IF;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION ledger_core.feed_position IS
'The position in the change feed that a cursor stands for: read on after this generation, transaction and entry.
Raises LG001 if the cursor is malformed, or not that of an entry of this ledger.';
