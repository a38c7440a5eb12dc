CREATE FUNCTION ledger_front.settle_claim(app text, number integer, claim jsonb, outcome text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_settled text;
BEGIN
    SELECT ledger_front.checked(answer) ->> 'settled' INTO STRICT v_settled
    FROM ledger_front.settle_claims(
        number, ledger_front.caller(), current_setting('lock_timeout'), ledger_front.is_dry_run(), app,
        jsonb_build_array((claim - ARRAY['operation', 'claim_subject']) || jsonb_build_object('outcome', outcome))
    ) AS answer;
    RETURN v_settled;
END
$$;

COMMENT ON FUNCTION ledger_front.settle_claim IS
'Settles a reservation on the partition of its subject, by its number, and returns what became of it: see
ledger.settle_claims. claim: its item, with the claim_deadline.';
