CREATE FUNCTION ledger_front.unavailable_items(number integer, positions text)
RETURNS SETOF ledger.batch_row
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT refusals.*
    FROM unnest(positions::integer []) AS items_of (position)
    CROSS JOIN ledger.error_codes AS codes
    CROSS JOIN LATERAL jsonb_populate_record(NULL::ledger.batch_row, jsonb_build_object(
        'position', items_of.position, 'code', codes.code, 'message', codes.message, 'hint', codes.advice,
        'detail', (
            SELECT jsonb_build_object('partition', partitions.name)
            FROM ledger_front.partitions()
            WHERE partitions.number = unavailable_items.number
        )
    )) AS refusals
    WHERE codes.code = 'partition_unavailable';
END
$$;

COMMENT ON FUNCTION ledger_front.unavailable_items IS
'The results of items of a batch that need a partition, by its number, which is away. positions: as the text of an array.';
