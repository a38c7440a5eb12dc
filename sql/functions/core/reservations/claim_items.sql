-- requires: functions/core/batches/item_time
-- Inlined by the planner into the statements that use it.
CREATE OR REPLACE FUNCTION ledger_core.claim_items(claims jsonb)
RETURNS TABLE (
    "position" integer,
    app text,
    owner_id text,
    operation text,
    nonce text,
    claim_subject text,
    claim_deadline timestamptz,
    outcome text
)
LANGUAGE sql
STABLE
AS $$
SELECT
    elements.position::integer,
    elements.item ->> 'app',
    elements.item ->> 'owner_id',
    elements.item ->> 'operation',
    elements.item ->> 'nonce',
    elements.item ->> 'claim_subject',
    ledger_core.item_time(elements.item ->> 'claim_deadline'),
    elements.item ->> 'outcome'
FROM jsonb_array_elements(claims) WITH ORDINALITY AS elements (item, position)
$$;

COMMENT ON FUNCTION ledger_core.claim_items IS
'The items of a call about reservations, which ledger_core.check_claims has checked.';
