CREATE OR REPLACE FUNCTION ledger_core.has_plain_items_left(app text, entries jsonb, results ledger.batch_result [])
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_items integer := jsonb_array_length(entries);
    -- Recording an eighth of a batch singly costs about as much as trying all of it again.
    c_few CONSTANT integer := 8;
BEGIN
    RETURN (v_items - cardinality(results)) * c_few > v_items
        AND EXISTS (
            SELECT 1
            FROM ledger_core.read_items(has_plain_items_left.app, has_plain_items_left.entries) AS items
            WHERE items.plain AND items."position" NOT IN (SELECT done."position" FROM unnest(results) AS done)
        );
END
$$;

COMMENT ON FUNCTION ledger_core.has_plain_items_left IS
'True if many items of a batch have no result and some of them are plain: their accounts may be missing, or have changed.';
