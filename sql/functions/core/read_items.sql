-- requires: views/operation_sets, functions/core/item_fields, functions/core/is_key, functions/core/is_metadata
-- Inlined by the planner into the statements that use it, so that items are read in the same pass. Amounts
-- of which 10000 could pass what bigint holds are left out: such items go one by one.
CREATE OR REPLACE FUNCTION ledger_core.read_items(app text, entries jsonb)
RETURNS TABLE (
    "position" bigint,
    owner_id text,
    asset text,
    operation text,
    nonce text,
    amount bigint,
    amount_defaulted boolean,
    metadata jsonb,
    plain boolean
)
LANGUAGE sql
STABLE
AS $$
SELECT
    items.position,
    items.owner_id,
    rules.asset,
    items.operation,
    items.nonce,
    CASE
        WHEN coalesce(items.amount, rules.default_amount)
            BETWEEN greatest(rules.min_amount, -900000000000000) AND least(rules.max_amount, 900000000000000)
            THEN coalesce(items.amount, rules.default_amount)::bigint
    END,
    items.amount IS NULL,
    nullif(items.metadata, 'null'),
    coalesce(
        items.well_formed
        AND ledger_core.is_key(items.owner_id) AND ledger_core.is_key(items.nonce)
        AND coalesce(items.amount, rules.default_amount)
        BETWEEN greatest(rules.min_amount, -900000000000000) AND least(rules.max_amount, 900000000000000)
        AND coalesce(scale(items.amount), 0) = 0
        AND rules.retired_at IS NULL AND rules.claim_limit IS NULL AND rules.expires_after IS NULL
        AND (coalesce(items.metadata, 'null') = 'null' OR ledger_core.is_metadata(items.metadata)),
        FALSE
    )
FROM (
    SELECT
        elements.position,
        elements.item ->> 'owner_id' AS owner_id,
        elements.item ->> 'operation' AS operation,
        elements.item ->> 'nonce' AS nonce,
        CASE jsonb_typeof(elements.item -> 'amount')
            WHEN 'number' THEN (elements.item -> 'amount')::numeric
        END AS amount,
        elements.item -> 'metadata' AS metadata,
        jsonb_typeof(elements.item -> 'owner_id') = 'string'
        AND jsonb_typeof(elements.item -> 'operation') = 'string'
        AND jsonb_typeof(elements.item -> 'nonce') = 'string'
        AND coalesce(jsonb_typeof(elements.item -> 'amount') IN ('number', 'null'), TRUE)
        AND elements.item ->> 'expires_at' IS NULL AND elements.item ->> 'claim_subject' IS NULL
        AND CASE jsonb_typeof(elements.item) WHEN 'object' THEN elements.item - ledger_core.item_fields() = '{}' END
        AS well_formed
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS elements (item, position)
    OFFSET 0 -- so that each is taken from the document once
) AS items
LEFT JOIN ledger.operation_sets AS rules ON rules.app = read_items.app AND rules.operation = items.operation
$$;

COMMENT ON FUNCTION ledger_core.read_items(text, jsonb) IS
'The items of a batch with the assets and amounts that the app''s rules give them, and whether each is plain: beyond doubt as far as its own fields tell, needing neither claim nor expiry. ledger_core.record_item says what is wrong with others.';
