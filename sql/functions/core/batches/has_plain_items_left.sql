CREATE OR REPLACE FUNCTION ledger_core.has_plain_items_left(app text, entries jsonb, results ledger.batch_result [])
RETURNS boolean
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    -- A few of them cost less one by one than all of the batch does a second time.
    RETURN (jsonb_array_length(entries) - cardinality(results)) * 8 > jsonb_array_length(entries)
        AND EXISTS (
            SELECT 1
            FROM ledger_core.read_items(has_plain_items_left.app, has_plain_items_left.entries) AS items
            WHERE items.plain AND items."position" NOT IN (SELECT done."position" FROM unnest(results) AS done)
        );
END
$$;

COMMENT ON FUNCTION ledger_core.has_plain_items_left IS
'True if many items of a batch have no result, and some of them are plain: their accounts may be missing, or may have changed.';
