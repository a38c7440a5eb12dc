CREATE OR REPLACE FUNCTION ledger_core.take_claim_slots(
    owner_id text, asset text, app text, operation text, claim_subject text, seq bigint, at timestamptz
)
RETURNS TABLE (claim_slot integer, subject_slot integer)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
    v_period_start timestamp;
    v_scope_app text;
    v_kind text;
    v_subject text;
    v_slot integer;
    v_taken boolean;
BEGIN
    SELECT claim_limit, claim_period, claim_scope, claim_time_zone INTO v_rule
    FROM ledger.operations
    WHERE operation = take_claim_slots.operation;
    IF v_rule.claim_limit IS NULL THEN
        RETURN;
    END IF;
    v_period_start := ledger_core.claim_period_start(
        v_rule.claim_period, v_rule.claim_time_zone, take_claim_slots.at
    );
    v_scope_app := ledger_core.claim_scope_app(v_rule.claim_scope, take_claim_slots.app);

    FOR v_kind, v_subject IN
        VALUES ('owner', take_claim_slots.owner_id), ('claim_subject', take_claim_slots.claim_subject)
    LOOP
        -- What another partition keeps is reserved there.
        CONTINUE WHEN v_subject IS NULL OR (v_kind = 'claim_subject' AND NOT ledger_core.keeps_owner(v_subject));
        v_taken := FALSE;
        FOR v_slot IN
            SELECT slots.slot
            FROM generate_series(1, v_rule.claim_limit) AS slots (slot)
            WHERE NOT EXISTS (
                SELECT 1 FROM ledger.claims
                WHERE operation = take_claim_slots.operation AND subject_kind = v_kind AND subject = v_subject
                    AND scope_app = v_scope_app AND period_start = v_period_start AND claims.slot = slots.slot
            )
            ORDER BY slots.slot
        LOOP
            v_taken := ledger_core.take_claim_slot(
                take_claim_slots.operation, v_kind, v_subject, v_scope_app, v_period_start, v_slot,
                take_claim_slots.owner_id, take_claim_slots.asset, take_claim_slots.seq
            );
            EXIT WHEN v_taken;
        END LOOP;
        IF NOT v_taken THEN
            PERFORM ledger_core.refuse_claim(take_claim_slots.operation, v_kind, take_claim_slots.at);
        END IF;
        IF v_kind = 'owner' THEN
            claim_slot := v_slot;
        ELSE
            subject_slot := v_slot;
        END IF;
    END LOOP;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION ledger_core.take_claim_slots IS
'Takes a slot of the operation''s claim limit for the owner, and one for the claim_subject if there is one that is kept here, on behalf of
the entry seq. Returns their numbers, or no row if the operation has no limit. Raises LG302 with next_eligible_at (null:
never again) if all slots are taken.';
