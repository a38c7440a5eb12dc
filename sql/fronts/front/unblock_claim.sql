CREATE FUNCTION ledger_front.unblock_claim(app text, claim jsonb)
RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    v_pause constant double precision := 0.02;
    v_subject integer := ledger_front.place(claim ->> 'claim_subject');
    v_other record;
    v_settled text;
    v_waiting boolean := FALSE;
BEGIN
    FOR v_other IN
        SELECT others.*
        FROM ledger_front.unsettled_claims(
            v_subject, ledger_front.caller(), current_setting('lock_timeout'), FALSE,
            jsonb_build_array(claim || jsonb_build_object('app', app))
        ) AS answer
        CROSS JOIN LATERAL json_to_record(ledger_front.checked(answer)) AS others (
            app text, owner_id text, nonce text, operation text, claim_subject text, claim_deadline timestamptz, overdue boolean
        )
    LOOP
        IF v_other.nonce IS NULL THEN
            RETURN TRUE;
        ELSIF NOT v_other.overdue THEN
            v_waiting := TRUE;
            CONTINUE;
        END IF;
        v_settled := ledger_front.settle_claim(
            app, v_subject, to_jsonb(v_other) - 'overdue', ledger_front.claim_outcome(to_jsonb(v_other) - 'overdue')
        );
        IF v_settled = 'given_back' THEN
            RETURN TRUE;
        END IF;
    END LOOP;
    IF v_waiting THEN
        PERFORM pg_sleep(v_pause);
    END IF;
    RETURN v_waiting;
END
$$;

COMMENT ON FUNCTION ledger_front.unblock_claim IS
'Finds out whether a limit that is used up may be so only for a moment, and settles what its callers have left. True if it is
worth another try. Raises LG906 if it depends on a partition that is away.';
