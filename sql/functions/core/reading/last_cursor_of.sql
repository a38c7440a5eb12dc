-- requires: functions/core/reading/feed_cursor, views/generations
CREATE OR REPLACE FUNCTION ledger_core.last_cursor_of(generation integer)
RETURNS text
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT ledger_core.feed_cursor(generations.generation, entries)
        FROM ledger.generations
        INNER JOIN ledger.entries
            ON generations.first_entry_id <= entries.entry_id AND generations.end_entry_id > entries.entry_id
        WHERE generations.generation = last_cursor_of.generation
        ORDER BY entries.xact_id DESC, entries.entry_id DESC
        LIMIT 1
    );
END
$$;

COMMENT ON FUNCTION ledger_core.last_cursor_of IS
'The cursor of the last entry of a closed generation; null if it is not closed or has none.';
