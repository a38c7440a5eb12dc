CREATE FUNCTION ledger_front.record_claim_item(app text, number integer, "position" bigint, item jsonb)
RETURNS SETOF ledger.batch_row
LANGUAGE plpgsql
AS $$
DECLARE
    v_position text := ARRAY["position"]::text;
    v_claim jsonb;
    v_reserved json;
    v_result ledger.batch_row;
BEGIN
    -- What is malformed is refused by the partition of the owner.
    IF jsonb_typeof(item -> 'claim_subject') = 'string' AND item ?& ARRAY['owner_id', 'operation', 'nonce']
        AND ledger_front.place(item ->> 'claim_subject') <> number THEN
        v_claim := jsonb_build_object(
            'owner_id', item -> 'owner_id', 'operation', item -> 'operation', 'nonce', item -> 'nonce',
            'claim_subject', item -> 'claim_subject'
        );
        v_reserved := ledger_front.reserve_claim(app, v_claim);
        item := item || jsonb_strip_nulls(jsonb_build_object('claim_deadline', v_reserved ->> 'claim_deadline'));
    END IF;
    SELECT * INTO STRICT v_result FROM ledger_front.record_part(app, number, v_position, jsonb_build_array(item));
    IF v_claim IS NOT NULL AND v_result.code IS DISTINCT FROM 'partition_unavailable' THEN
        PERFORM ledger_front.finish_claim(
            app, v_claim, v_reserved,
            CASE WHEN v_result.code IS NOT NULL THEN 'refused' WHEN v_result.replayed THEN 'replayed' ELSE 'recorded' END
        );
        IF v_result.code = 'claim_not_reserved' AND v_reserved ->> 'code' IS NOT NULL THEN
            v_result.code := v_reserved ->> 'code';
            v_result.message := v_reserved ->> 'message';
            v_result.detail := v_reserved -> 'detail';
            v_result.hint := v_reserved ->> 'hint';
        END IF;
    END IF;
    RETURN NEXT v_result;
EXCEPTION
    -- The partition of the subject.
    WHEN OTHERS THEN
        IF NOT ledger_front.is_lost(sqlstate) THEN
            RAISE;
        END IF;
        RETURN QUERY
        SELECT refused.*
        FROM ledger_front.unavailable_items(ledger_front.place(item ->> 'claim_subject'), v_position) AS refused;
END
$$;

COMMENT ON FUNCTION ledger_front.record_claim_item IS
'Records one item of a batch on the partition of its owner, by its number, and reserves its claim subject first if another
partition keeps that.';
