CREATE FUNCTION ledger_front.claim_outcome(claim jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_outcome text;
BEGIN
    SELECT ledger_front.checked(answer) ->> 'outcome' INTO STRICT v_outcome
    FROM ledger_front.claim_outcomes(
        ledger_front.place(claim ->> 'owner_id'), ledger_front.caller(), current_setting('lock_timeout'), FALSE,
        jsonb_build_array(claim)
    ) AS answer;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION ledger_front.claim_outcome IS
'What became of a request, as the partition of its owner knows it: see ledger.claim_outcomes. claim: its item.';
