CREATE FUNCTION ledger_front.record_part(app text, number integer, positions text, items jsonb)
RETURNS SETOF ledger.batch_result
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY
    SELECT results.*
    FROM ledger_front.record_parts(
        ARRAY[number], ledger_front.caller(), current_setting('lock_timeout'), ledger_front.is_dry_run(),
        app, ARRAY[positions], ARRAY[items], FALSE
    ) AS answer
    CROSS JOIN LATERAL jsonb_populate_record(NULL::ledger.batch_result, ledger_front.checked(answer)::jsonb) AS results;
EXCEPTION
    WHEN internal_error OR connection_exception OR operator_intervention OR too_many_connections THEN
        IF sqlstate = '57014' THEN
            RAISE;
        END IF;
        RETURN QUERY
        SELECT refusals.*
        FROM unnest(positions::integer []) AS items_of (position)
        CROSS JOIN ledger.error_codes AS codes
        CROSS JOIN LATERAL jsonb_populate_record(NULL::ledger.batch_result, jsonb_build_object(
            'position', items_of.position, 'code', codes.code, 'message', codes.message, 'hint', codes.advice,
            'detail', (
                SELECT jsonb_build_object('partition', partitions.name)
                FROM ledger_front.partitions()
                WHERE partitions.number = record_part.number
            )
        )) AS refusals
        WHERE codes.code = 'partition_unavailable';
END
$$;

COMMENT ON FUNCTION ledger_front.record_part IS
'Records the part of a batch that belongs to one partition, or refuses its items with partition_unavailable if it is away.
positions: those of the items in the batch, as the text of an array.';
