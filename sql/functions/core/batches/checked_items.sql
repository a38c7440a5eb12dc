-- requires: views/core/rules_in_force, functions/core/entries/amount_of_quantity, functions/core/requests/is_quantity, functions/core/batches/item_fields, functions/core/constants/max_batched_amount
-- requires: functions/core/batches/item_time, functions/core/batches/is_item_time
-- requires: functions/core/requests/is_key, functions/core/requests/is_nonce, functions/core/requests/is_spender, functions/core/requests/is_metadata, functions/core/requests/is_plain_operation
-- Inlined by the planner into the statements that use it, so that items are read in the same pass, and columns that a
-- statement does not use cost nothing. OFFSET 0 keeps it from computing the same things again wherever they are used.
CREATE OR REPLACE FUNCTION ledger_core.checked_items(app text, entries jsonb)
RETURNS TABLE (
    "position" bigint,
    owner_id text,
    asset text,
    operation text,
    nonce text,
    amount bigint,
    amount_defaulted boolean,
    metadata jsonb,
    plain boolean,
    allowed_amount bigint,
    expires_at timestamptz,
    claim_subject text,
    spender text,
    quantity bigint,
    unit_amount bigint,
    unit_size bigint,
    rounding text,
    allowed boolean,
    claim_limit integer,
    expires_after interval,
    claim_time_zone text,
    is_budgeted boolean,
    grants_classed boolean
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
    judged.plain AND judged.amount IS NOT NULL,
    judged.allowed_amount,
    judged.expires_at,
    judged.claim_subject,
    judged.spender,
    judged.quantity,
    judged.unit_amount,
    judged.unit_size,
    judged.rounding,
    judged.allowed AND judged.allowed_amount IS NOT NULL
    AND (judged.expires_at IS NOT NULL OR judged.expires_at_text IS NULL),
    judged.claim_limit,
    judged.expires_after,
    judged.claim_time_zone,
    judged.is_budgeted,
    judged.is_classed AND judged.allowed_amount > 0
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
            items.well_formed AND items.without_options AND rules.plain
            AND ledger_core.is_key(items.owner_id) AND ledger_core.is_nonce(items.nonce)
            AND coalesce(scale(items.amount), 0) = 0
            AND (coalesce(items.metadata, 'null') = 'null' OR ledger_core.is_metadata(items.metadata)),
            FALSE
        ) AS plain,
        CASE
            WHEN items.quantity IS NOT NULL THEN (
                SELECT priced.amount FROM (
                    SELECT ledger_core.amount_of_quantity(
                        items.quantity, rules.unit_amount, rules.unit_size, rules.rounding
                    ) AS amount
                    OFFSET 0
                ) AS priced
                WHERE priced.amount BETWEEN rules.least AND rules.most
            )
            WHEN coalesce(items.amount, rules.default_amount) BETWEEN rules.least AND rules.most
                THEN coalesce(items.amount, rules.default_amount)::bigint
        END AS allowed_amount,
        CASE WHEN ledger_core.is_item_time(items.expires_at) THEN ledger_core.item_time(items.expires_at) END
            AS expires_at,
        items.expires_at AS expires_at_text,
        items.claim_subject,
        items.spender,
        items.quantity,
        CASE WHEN items.quantity IS NOT NULL THEN rules.unit_amount END AS unit_amount,
        CASE WHEN items.quantity IS NOT NULL THEN rules.unit_size END AS unit_size,
        CASE WHEN items.quantity IS NOT NULL THEN rules.rounding END AS rounding,
        coalesce(
            items.well_formed AND items.well_formed_options AND NOT rules.retired
            AND ledger_core.is_key(items.owner_id) AND ledger_core.is_nonce(items.nonce)
            AND coalesce(scale(items.amount), 0) = 0
            AND (coalesce(items.metadata, 'null') = 'null' OR ledger_core.is_metadata(items.metadata))
            AND (items.claim_subject IS NULL OR ledger_core.is_key(items.claim_subject))
            AND ledger_core.is_spender(items.spender),
            FALSE
        ) AS allowed,
        rules.claim_limit,
        rules.expires_after,
        rules.claim_time_zone,
        rules.is_budgeted,
        rules.is_classed
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
            elements.item ->> 'expires_at' AS expires_at,
            elements.item ->> 'claim_subject' AS claim_subject,
            elements.item ->> 'spender' AS spender,
            CASE
                WHEN jsonb_typeof(elements.item -> 'quantity') = 'number' THEN CASE
                    WHEN (elements.item -> 'quantity')::numeric BETWEEN 0 AND ledger_core.max_amount()
                        THEN (elements.item -> 'quantity')::bigint
                END
            END AS quantity,
            jsonb_typeof(elements.item -> 'owner_id') = 'string'
            AND jsonb_typeof(elements.item -> 'operation') = 'string'
            AND jsonb_typeof(elements.item -> 'nonce') = 'string'
            AND coalesce(jsonb_typeof(elements.item -> 'amount') IN ('number', 'null'), TRUE)
            AND CASE jsonb_typeof(elements.item)
                WHEN 'object' THEN elements.item - ledger_core.item_fields() = '{}'
            END AS well_formed,
            elements.item ->> 'expires_at' IS NULL AND elements.item ->> 'claim_subject' IS NULL
            AND elements.item -> 'claim_deadline' IS NULL AND elements.item ->> 'spender' IS NULL
            AND elements.item ->> 'quantity' IS NULL AND elements.item ->> 'to_owner_id' IS NULL AS without_options,
            coalesce(jsonb_typeof(elements.item -> 'expires_at') IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(elements.item -> 'claim_subject') IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(elements.item -> 'claim_deadline') IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(elements.item -> 'spender') IN ('string', 'null'), TRUE)
            AND CASE jsonb_typeof(elements.item -> 'quantity')
                WHEN 'number' THEN
                    coalesce(jsonb_typeof(elements.item -> 'amount'), 'null') = 'null'
                    AND scale((elements.item -> 'quantity')::numeric) = 0
                    AND (elements.item -> 'quantity')::numeric BETWEEN 0 AND ledger_core.max_amount()
                ELSE elements.item ->> 'quantity' IS NULL
            END
            AND CASE
                WHEN ledger_core.is_item_time(elements.item ->> 'claim_deadline')
                    THEN ledger_core.item_time(elements.item ->> 'claim_deadline') IS NOT NULL
                ELSE elements.item ->> 'claim_deadline' IS NULL
            END
            AND elements.item ->> 'to_owner_id' IS NULL AS well_formed_options
        FROM jsonb_array_elements(entries) WITH ORDINALITY AS elements (item, position)
        OFFSET 0
    ) AS items
    LEFT JOIN (
        SELECT
            rules_in_force.operation,
            rules_in_force.asset,
            rules_in_force.default_amount::numeric AS default_amount,
            greatest(rules_in_force.min_amount, -ledger_core.max_batched_amount())::numeric AS min_amount,
            least(rules_in_force.max_amount, ledger_core.max_batched_amount())::numeric AS max_amount,
            rules_in_force.min_amount::numeric AS least,
            rules_in_force.max_amount::numeric AS most,
            NOT rules_in_force.may_record AS retired,
            rules_in_force.may_record AND NOT rules_in_force.is_budgeted
            AND ledger_core.is_plain_operation(
                rules_in_force.claim_limit, rules_in_force.expires_after, rules_in_force.is_classed
            ) AS plain,
            rules_in_force.claim_limit,
            rules_in_force.expires_after,
            rules_in_force.claim_time_zone,
            rules_in_force.is_budgeted,
            rules_in_force.is_classed,
            rules_in_force.unit_amount,
            rules_in_force.unit_size,
            rules_in_force.rounding
        FROM ledger_core.rules_in_force
        WHERE rules_in_force.app = checked_items.app
        OFFSET 0
    ) AS rules ON rules.operation = items.operation
    OFFSET 0
) AS judged
$$;

COMMENT ON FUNCTION ledger_core.checked_items IS
'The items of a batch with the assets and amounts that the app''s rules give them.
allowed: the item''s own fields and the rule allow it, with allowed_amount; ledger_core.record_one_item says what is wrong with
others. plain: it is, and needs neither claim nor expiry, and its amount passes ledger_core.max_batched_amount neither way;
amount is null if it does.
grants_classed: it would grant credits of a class, a priority or a limited use.';
