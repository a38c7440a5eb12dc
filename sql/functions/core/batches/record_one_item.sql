-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.record_one_item(app text, item jsonb, "position" integer, atomic boolean)
RETURNS ledger.batch_row
LANGUAGE plpgsql
AS $$
DECLARE
    v_entry ledger.recorded_row;
    v_sqlstate text;
    v_message text;
    v_detail text;
    v_hint text;
BEGIN
    PERFORM ledger_core.check_item(item);
    IF item ->> 'to_owner_id' IS NOT NULL THEN
        SELECT * INTO v_entry FROM ledger.transfer_credits(
            app, item ->> 'owner_id', item ->> 'to_owner_id', item ->> 'operation', item ->> 'nonce',
            (item ->> 'amount')::bigint, nullif(item -> 'metadata', 'null'), item ->> 'spender'
        )
        LIMIT 1;
        RETURN ledger_core.as_result(record_one_item."position", v_entry);
    END IF;
    SELECT * INTO v_entry FROM ledger.record_entry(
        app, item ->> 'owner_id', item ->> 'operation', item ->> 'nonce', (item ->> 'amount')::bigint,
        nullif(item -> 'metadata', 'null'), ledger_core.item_time(item ->> 'expires_at'), item ->> 'claim_subject',
        ledger_core.item_time(item ->> 'claim_deadline'), item ->> 'spender', (item ->> 'quantity')::bigint
    );
    RETURN ledger_core.as_result(record_one_item."position", v_entry);
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_sqlstate = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT;
        -- A partition that moves to another server refuses the batch: its caller waits, and sends it there.
        IF v_sqlstate NOT LIKE 'LG%' OR v_detail::jsonb ? 'moved' THEN
            RAISE;
        ELSIF atomic THEN
            RAISE EXCEPTION USING
                ERRCODE = v_sqlstate,
                MESSAGE = v_message,
                DETAIL = (v_detail::jsonb || jsonb_build_object('position', "position"))::text,
                HINT = v_hint;
        END IF;
        RETURN ledger_core.batch_refusal("position", v_sqlstate, v_message, v_detail, v_hint);
END
$$;

COMMENT ON FUNCTION ledger_core.record_one_item IS
'Records one item of a batch as ledger.record_entry, or ledger.transfer_credits, would, and returns the entry or its refusal; if atomic, raises the
refusal, with the position in its detail.';
