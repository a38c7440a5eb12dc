CREATE FUNCTION ledger_front.finish_claim(app text, claim jsonb, reserved json, outcome text)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_claim jsonb := claim || jsonb_build_object('claim_deadline', reserved ->> 'claim_deadline');
BEGIN
    IF reserved ->> 'claim_deadline' IS NULL OR ledger_front.is_dry_run() THEN
        RETURN;
    END IF;
    PERFORM ledger_front.settle_claim(
        app,
        ledger_front.place(claim ->> 'claim_subject'),
        v_claim,
        CASE outcome
            WHEN 'replayed' THEN ledger_front.claim_outcome(v_claim || jsonb_build_object('app', app))
            ELSE outcome
        END
    );
EXCEPTION
    -- The same request, or another one that wants the slot, settles it later.
    WHEN OTHERS THEN
        IF NOT ledger_front.is_lost(sqlstate) THEN
            RAISE;
        END IF;
END
$$;

COMMENT ON FUNCTION ledger_front.finish_claim IS
'Settles what ledger_front.reserve_claim has reserved. outcome: recorded, refused, or replayed, for which the partition of the
owner is asked.';
