-- requires: views/core/operation_rules, functions/core/batches/item_fields, functions/core/constants/max_batched_amount
-- requires: functions/core/requests/is_key, functions/core/requests/is_metadata, functions/core/requests/is_plain_rule
-- Inlined by the planner into the statements that use it, so that items are read in the same pass. OFFSET 0 keeps it
-- from computing the same things again wherever they are used. Larger amounts than max_batched_amount are not plain.
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
    judged.position,
    judged.owner_id,
    judged.asset,
    judged.operation,
    judged.nonce,
    judged.amount,
    judged.amount_defaulted,
    judged.metadata,
    judged.plain AND judged.amount IS NOT NULL
FROM (
    SELECT
        items.position,
        items.owner_id,
        rules.asset,
        items.operation,
        items.nonce,
        CASE
            WHEN coalesce(items.amount, rules.default_amount) BETWEEN rules.min_amount AND rules.max_amount
                THEN coalesce(items.amount, rules.default_amount)::bigint
        END AS amount,
        items.amount IS NULL AS amount_defaulted,
        nullif(items.metadata, 'null') AS metadata,
        coalesce(
            items.well_formed AND rules.plain
            AND ledger_core.is_key(items.owner_id) AND ledger_core.is_key(items.nonce)
            AND coalesce(scale(items.amount), 0) = 0
            AND (coalesce(items.metadata, 'null') = 'null' OR ledger_core.is_metadata(items.metadata)),
            FALSE
        ) AS plain
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
            AND CASE jsonb_typeof(elements.item)
                WHEN 'object' THEN elements.item - ledger_core.item_fields() = '{}'
            END AS well_formed
        FROM jsonb_array_elements(entries) WITH ORDINALITY AS elements (item, position)
        OFFSET 0
    ) AS items
    LEFT JOIN (
        SELECT
            operation_rules.operation,
            operation_rules.asset,
            operation_rules.default_amount::numeric AS default_amount,
            greatest(operation_rules.min_amount, -ledger_core.max_batched_amount())::numeric AS min_amount,
            least(operation_rules.max_amount, ledger_core.max_batched_amount())::numeric AS max_amount,
            operation_rules.retired_at IS NULL
            AND ledger_core.is_plain_rule(operation_rules.claim_limit, operation_rules.expires_after) AS plain
        FROM ledger_core.operation_rules
        WHERE operation_rules.app = read_items.app
        OFFSET 0
    ) AS rules ON rules.operation = items.operation
    OFFSET 0
) AS judged
$$;

COMMENT ON FUNCTION ledger_core.read_items IS
'The items of a batch with the assets and amounts that the app''s rules give them, and whether each is plain: certainly
allowed as far as its own fields and the rule tell, and in need of neither claim nor expiry. ledger_core.record_item says
what is wrong with others.';
