CREATE OR REPLACE FUNCTION ledger_core.read_items(app text, entries jsonb)
RETURNS SETOF ledger_core.batch_item
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        item.entry ->> 'owner_id',
        rules.asset,
        item.entry ->> 'operation',
        item.entry ->> 'nonce',
        amounts.amount,
        coalesce(amounts.json_type = 'null', TRUE),
        nullif(item.entry -> 'metadata', 'null'),
        -- Only what is beyond doubt: ledger_core.record_item says what is wrong with the others.
        coalesce(
            CASE WHEN jsonb_typeof(item.entry) = 'object' THEN item.entry - ledger_core.item_fields() = '{}' END
            AND jsonb_typeof(item.entry -> 'owner_id') = 'string' AND ledger_core.is_key(item.entry ->> 'owner_id')
            AND jsonb_typeof(item.entry -> 'nonce') = 'string' AND ledger_core.is_key(item.entry ->> 'nonce')
            AND jsonb_typeof(item.entry -> 'operation') = 'string'
            AND amounts.amount BETWEEN rules.min_amount AND rules.max_amount
            AND rules.retired_at IS NULL AND rules.claim_limit IS NULL AND rules.expires_after IS NULL
            AND item.entry ->> 'expires_at' IS NULL AND item.entry ->> 'claim_subject' IS NULL
            AND (item.entry ->> 'metadata' IS NULL OR ledger_core.is_metadata(item.entry -> 'metadata'))
            AND NOT EXISTS (
                SELECT 1 FROM ledger.holds
                WHERE holds.app = read_items.app AND holds.nonce = item.entry ->> 'nonce'
            ),
            FALSE
        )
    FROM jsonb_array_elements(read_items.entries) WITH ORDINALITY AS item (entry, position)
    LEFT JOIN ledger.operation_sets AS rules
        ON rules.app = read_items.app AND item.entry ->> 'operation' = rules.operation
    CROSS JOIN LATERAL (
        SELECT
            kinds.json_type,
            CASE
                WHEN coalesce(kinds.json_type = 'null', TRUE) THEN rules.default_amount
                WHEN kinds.json_type = 'number' AND item.entry ->> 'amount' ~ '^-?[0-9]{1,18}$'
                    THEN (item.entry ->> 'amount')::bigint
            END AS amount
        FROM (SELECT jsonb_typeof(item.entry -> 'amount')) AS kinds (json_type)
    ) AS amounts
    ORDER BY item.position;
END
$$;

COMMENT ON FUNCTION ledger_core.read_items(text, jsonb) IS
'The items of a batch in order, with the amounts and assets that the app''s rules give them, and whether each is plain.';
