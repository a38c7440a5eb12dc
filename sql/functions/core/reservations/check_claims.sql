CREATE OR REPLACE FUNCTION ledger_core.check_claims(claims jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_field text := 'claims';
    v_reason text;
BEGIN
    IF coalesce(jsonb_typeof(claims) <> 'array', TRUE) OR jsonb_array_length(claims) > ledger_core.max_batch() THEN
        v_reason := format('must be a JSON array of at most %s claims', ledger_core.max_batch());
    ELSIF claims @? 'strict $[*] ? (@.type() != "object")' THEN
        v_reason := 'must be JSON objects';
    ELSE
        SELECT fields.key, CASE
            WHEN fields.key <> ALL ('{app,owner_id,operation,nonce,claim_subject,claim_deadline,outcome}')
                THEN 'is not a field of a claim'
            WHEN jsonb_typeof(fields.value) NOT IN ('string', 'null') THEN 'must be a string'
            ELSE 'must be a time in RFC 3339 with its zone'
        END
        INTO v_field, v_reason
        FROM jsonb_array_elements(claims) AS items (item)
        CROSS JOIN jsonb_each(items.item) AS fields
        WHERE fields.key <> ALL ('{app,owner_id,operation,nonce,claim_subject,claim_deadline,outcome}')
            OR jsonb_typeof(fields.value) NOT IN ('string', 'null')
            OR (fields.key = 'claim_deadline' AND NOT ledger_core.is_item_time(fields.value #>> '{}'))
        LIMIT 1;
    END IF;
    IF v_reason IS NOT NULL THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object('field', v_field, 'reason', v_reason));
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_claims IS
'Raises LG001 unless the argument of a call about reservations is an array of objects that have only known fields, all of
them texts.';
