CREATE OR REPLACE FUNCTION ledger_core.read_items(app text, entries jsonb)
RETURNS SETOF ledger_core.batch_item
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_items jsonb := read_items.entries;
    v_holds boolean := EXISTS (SELECT 1 FROM ledger.holds WHERE app = read_items.app);
BEGIN
    IF NOT ledger_core.are_well_formed(v_items) THEN
        -- What is not well formed will be refused and concerns no account.
        SELECT jsonb_agg(
            CASE WHEN ledger_core.are_well_formed(jsonb_build_array(elements.item)) THEN elements.item ELSE '{}' END
            ORDER BY elements.position
        ) INTO v_items
        FROM jsonb_array_elements(v_items) WITH ORDINALITY AS elements (item, position);
    END IF;
    RETURN QUERY
    SELECT
        item.owner_id,
        rules.asset,
        item.operation,
        item.nonce,
        CASE
            WHEN item.amount IS NULL THEN rules.default_amount
            WHEN item.amount BETWEEN -9007199254740991 AND 9007199254740991 THEN item.amount::bigint
        END,
        item.amount IS NULL,
        item.metadata,
        coalesce(
            ledger_core.is_key(item.owner_id) AND ledger_core.is_key(item.nonce)
            AND coalesce(item.amount, rules.default_amount) BETWEEN rules.min_amount AND rules.max_amount
            AND coalesce(scale(item.amount), 0) = 0
            AND rules.retired_at IS NULL AND rules.claim_limit IS NULL AND rules.expires_after IS NULL
            AND item.expires_at IS NULL AND item.claim_subject IS NULL
            AND (item.metadata IS NULL OR ledger_core.is_metadata(item.metadata))
            AND NOT (
                v_holds AND EXISTS (
                    SELECT 1 FROM ledger.holds WHERE holds.app = read_items.app AND holds.nonce = item.nonce
                )
            ),
            FALSE
        )
    FROM ROWS FROM (
        jsonb_to_recordset(v_items) AS (
            owner_id text, operation text, nonce text, amount numeric, metadata jsonb, expires_at text, claim_subject text
        )
    ) WITH ORDINALITY AS item (
        owner_id, operation, nonce, amount, metadata, expires_at, claim_subject, position
    )
    LEFT JOIN ledger.operation_sets AS rules ON rules.app = read_items.app AND item.operation = rules.operation
    ORDER BY item.position;
END
$$;

COMMENT ON FUNCTION ledger_core.read_items(text, jsonb) IS
'The items of a batch in order, with the amounts and assets that the app''s rules give them, and whether each is plain: beyond doubt, needing neither claim nor expiry. ledger_core.record_item says what is wrong with others.';
