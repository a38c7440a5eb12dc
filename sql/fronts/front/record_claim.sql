CREATE FUNCTION ledger_front.record_claim(
    app text,
    owner_id text,
    operation text,
    nonce text,
    amount bigint,
    metadata jsonb,
    expires_at timestamptz,
    claim_subject text,
    spender text,
    quantity bigint
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
DECLARE
    v_claim jsonb := jsonb_build_object(
        'owner_id', owner_id, 'operation', operation, 'nonce', nonce, 'claim_subject', claim_subject
    );
    v_reserved json := ledger_front.reserve_claim(app, v_claim);
    v_answer text := ledger_front.record_entry(
        ledger_front.place(owner_id), ledger_front.caller(), current_setting('lock_timeout'), ledger_front.is_dry_run(),
        app, owner_id, operation, nonce, amount, metadata, expires_at, claim_subject,
        (v_reserved ->> 'claim_deadline')::timestamptz, spender, quantity
    );
BEGIN
    IF starts_with(v_answer, '[') THEN
        PERFORM ledger_front.finish_claim(app, v_claim, v_reserved, 'refused');
        -- Why there is no reservation says more than that there is none.
        IF v_answer::json ->> 0 = 'LG312' AND v_reserved ->> 'code' IS NOT NULL THEN
            v_answer := json_build_array(
                (SELECT codes.sqlstate FROM ledger.error_codes AS codes WHERE codes.code = v_reserved ->> 'code'),
                v_reserved ->> 'message', v_reserved ->> 'detail', v_reserved ->> 'hint'
            );
        END IF;
    ELSE
        PERFORM ledger_front.finish_claim(
            app, v_claim, v_reserved, CASE v_answer::json ->> 'replayed' WHEN 'true' THEN 'replayed' ELSE 'recorded' END
        );
    END IF;
    RETURN json_populate_record(NULL::ledger.recorded_row, ledger_front.checked(v_answer));
END
$$;

COMMENT ON FUNCTION ledger_front.record_claim IS
'Records an entry whose claim subject another partition keeps than its owner: reserves the subject there, records the entry
with the deadline of the reservation, and settles it. Raises what ledger.record_entry raises.';
