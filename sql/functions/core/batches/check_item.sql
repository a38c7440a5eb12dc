CREATE OR REPLACE FUNCTION ledger_core.check_item(item jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_field text;
    v_reason text;
BEGIN
    SELECT checks.field, checks.reason INTO v_field, v_reason
    FROM (
        SELECT 'entries', 'must be JSON objects' WHERE jsonb_typeof(item) <> 'object'
        UNION ALL
        SELECT fields.key, 'is not a field of an entry'
        FROM jsonb_object_keys(CASE jsonb_typeof(item) WHEN 'object' THEN item ELSE '{}' END) AS fields (key)
        WHERE fields.key <> ALL (ledger_core.item_fields())
        UNION ALL
        SELECT texts.key, 'must be a string'
        FROM unnest(ARRAY['owner_id', 'operation', 'nonce', 'expires_at', 'claim_subject', 'claim_deadline', 'spender', 'to_owner_id'])
            AS texts (key)
        WHERE jsonb_typeof(item -> texts.key) NOT IN ('string', 'null')
        UNION ALL
        SELECT numbers.key, 'must be an integer of at most 64 bits'
        FROM unnest(ARRAY['amount', 'quantity']) AS numbers (key)
        WHERE jsonb_typeof(item -> numbers.key) <> 'null'
            AND CASE jsonb_typeof(item -> numbers.key)
                WHEN 'number'
                    THEN scale((item -> numbers.key)::numeric) > 0
                        OR (item -> numbers.key)::numeric NOT BETWEEN -9223372036854775808 AND 9223372036854775807
                ELSE TRUE
            END
        UNION ALL
        SELECT times.key, 'must be a time in RFC 3339 with its zone'
        FROM unnest(ARRAY['expires_at', 'claim_deadline']) AS times (key)
        WHERE NOT ledger_core.is_item_time(item ->> times.key)
        UNION ALL
        SELECT times.key, 'is not a valid date and time'
        FROM unnest(ARRAY['expires_at', 'claim_deadline']) AS times (key)
        WHERE ledger_core.is_item_time(item ->> times.key) AND ledger_core.item_time(item ->> times.key) IS NULL
        UNION ALL
        SELECT others.key, 'does not go together with to_owner_id'
        FROM unnest(ARRAY['expires_at', 'claim_subject', 'claim_deadline', 'quantity']) AS others (key)
        WHERE jsonb_typeof(item -> 'to_owner_id') = 'string' AND jsonb_typeof(item -> others.key) <> 'null'
    ) AS checks (field, reason)
    LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', v_field, 'reason', v_reason));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_item IS
'Raises LG001 naming the field unless an item of a batch has only known fields of the right JSON types.';
