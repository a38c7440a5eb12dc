CREATE FUNCTION ledger_front.record_part(app text, number integer, positions text, items jsonb)
RETURNS SETOF ledger.batch_row
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY
    SELECT results.*
    FROM ledger_front.record_parts(
        ARRAY[number], ledger_front.caller(), current_setting('lock_timeout'), ledger_front.is_dry_run(),
        app, ARRAY[positions], ARRAY[items], FALSE
    ) AS answer
    CROSS JOIN LATERAL json_populate_record(NULL::ledger.batch_row, ledger_front.checked(answer)) AS results;
EXCEPTION
    WHEN OTHERS THEN
        IF NOT ledger_front.is_lost(sqlstate) THEN
            RAISE;
        END IF;
        RETURN QUERY SELECT * FROM ledger_front.unavailable_items(number, positions);
END
$$;

COMMENT ON FUNCTION ledger_front.record_part IS
'Records the part of a batch that belongs to one partition, or refuses its items with partition_unavailable if it is away.
positions: those of the items in the batch, as the text of an array.';
