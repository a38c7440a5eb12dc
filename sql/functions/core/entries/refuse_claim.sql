CREATE OR REPLACE FUNCTION ledger_core.refuse_claim(operation text, limited text, at timestamptz)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
BEGIN
    SELECT claim_limit, claim_period, claim_time_zone INTO STRICT v_rule
    FROM ledger.operations
    WHERE operation = refuse_claim.operation;
    PERFORM ledger_core.refuse('claim_limit_reached', jsonb_build_object(
        'operation', refuse_claim.operation,
        'limited', refuse_claim.limited,
        'claim_limit', v_rule.claim_limit,
        'claim_period', v_rule.claim_period,
        'next_eligible_at', ledger_core.json_time(ledger_core.next_claim_at(
            v_rule.claim_period,
            v_rule.claim_time_zone,
            ledger_core.claim_period_start(v_rule.claim_period, v_rule.claim_time_zone, refuse_claim.at)
        ))
    ));
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_claim IS
'Raises LG302 with next_eligible_at (null: never again): all slots of the operation''s limit are taken at that time.
limited: owner or claim_subject.';
