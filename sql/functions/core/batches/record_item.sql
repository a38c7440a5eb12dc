CREATE OR REPLACE FUNCTION ledger_core.record_item(app text, item jsonb, "position" integer, atomic boolean)
RETURNS ledger.batch_result
LANGUAGE plpgsql
AS $$
DECLARE
    v_expires_at timestamptz;
    v_entry ledger.recorded_entry;
    v_result ledger.batch_result;
    v_sqlstate text;
    v_message text;
    v_detail text;
    v_hint text;
BEGIN
    PERFORM ledger_core.check_item(item);
    BEGIN
        v_expires_at := item ->> 'expires_at';
    EXCEPTION
        WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
            -- the 31st of February, a zone 16 hours away
            PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
                'field', 'expires_at', 'reason', 'is no time of the calendar'
            ));
    END;
    SELECT * INTO v_entry FROM ledger.record_entry(
        app, item ->> 'owner_id', item ->> 'operation', item ->> 'nonce', (item ->> 'amount')::bigint,
        nullif(item -> 'metadata', 'null'), v_expires_at, item ->> 'claim_subject'
    );
    SELECT record_item."position", v_entry.*, NULL, NULL, NULL, NULL INTO v_result;
    RETURN v_result;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_sqlstate = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT;
        IF v_sqlstate NOT LIKE 'LG%' THEN
            RAISE;
        ELSIF atomic THEN
            RAISE EXCEPTION USING
                ERRCODE = v_sqlstate,
                MESSAGE = v_message,
                DETAIL = (v_detail::jsonb || jsonb_build_object('position', "position"))::text,
                HINT = v_hint;
        END IF;
        v_result."position" := "position";
        v_result.message := v_message;
        v_result.detail := v_detail::jsonb;
        v_result.hint := v_hint;
        SELECT codes.code INTO STRICT v_result.code
        FROM ledger.error_codes AS codes
        WHERE codes.sqlstate = v_sqlstate;
        RETURN v_result;
END
$$;

COMMENT ON FUNCTION ledger_core.record_item IS
'Records one item of a batch as ledger.record_entry would, and returns the entry or its refusal; if atomic, raises the
refusal, with the position in its detail.';
