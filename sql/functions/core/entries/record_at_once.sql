-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.record_at_once(entry ledger.entries)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
-- A plan made while there are no claims would go on reading all of them.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_rule record;
    v_scope_app text;
    v_period_start timestamp;
    v_limits_subject boolean := FALSE;
    v_recorded ledger.recorded_row;
BEGIN
    entry.recorded_at := ledger_core.clock();
    SELECT
        claim_limit, claim_period, claim_scope, claim_time_zone, expires_after, credit_class, priority, usable_for, usable_in
    INTO STRICT v_rule
    FROM ledger.operations
    WHERE operation = entry.operation;
    IF v_rule.claim_limit > 1 THEN
        RETURN NULL;
    ELSIF entry.expires_at IS NOT NULL THEN
        IF NOT ledger_core.is_expiry(entry.expires_at, entry.amount, entry.recorded_at) THEN
            RETURN NULL;
        END IF;
    ELSIF entry.amount > 0 AND v_rule.expires_after IS NOT NULL THEN
        entry.expires_at := ledger_core.default_expiry(
            entry.recorded_at, v_rule.expires_after, v_rule.claim_time_zone
        );
        entry.expiry_defaulted := TRUE;
    END IF;
    IF entry.amount > 0 THEN
        entry.credit_class := v_rule.credit_class;
        entry.priority := v_rule.priority;
        entry.usable_for := v_rule.usable_for;
        entry.usable_in := v_rule.usable_in;
    END IF;
    IF v_rule.claim_limit IS NULL THEN
        RETURN ledger_core.write_entry(entry, TRUE);
    END IF;

    v_scope_app := ledger_core.claim_scope_app(v_rule.claim_scope, entry.app);
    v_period_start := ledger_core.claim_period_start(v_rule.claim_period, v_rule.claim_time_zone, entry.recorded_at);
    IF EXISTS (
        SELECT 1 FROM ledger.claims
        WHERE operation = entry.operation AND subject_kind = 'owner' AND subject = entry.owner_id
            AND scope_app = v_scope_app AND period_start = v_period_start AND slot = 1
    ) THEN
        RETURN NULL;
    END IF;
    -- A claim that is taken is refused before a spend that is not covered.
    IF entry.amount < 0 AND entry.claim_subject IS NOT NULL AND EXISTS (
        SELECT 1 FROM ledger.claims
        WHERE operation = entry.operation AND subject_kind = 'claim_subject' AND subject = entry.claim_subject
            AND scope_app = v_scope_app AND period_start = v_period_start AND slot = 1
    ) THEN
        RETURN NULL;
    END IF;
    -- The slots are under the entry's hash, so they are written before they are taken. There is only one.
    entry.claim_slot := 1;
    IF entry.claim_subject IS NOT NULL THEN
        v_limits_subject := ledger_core.keeps_owner(entry.claim_subject);
        entry.subject_slot := CASE WHEN v_limits_subject THEN 1 END;
    END IF;
    v_recorded := ledger_core.write_entry(entry, TRUE);
    IF v_recorded.entry_id IS NULL THEN
        RETURN NULL;
    ELSIF NOT ledger_core.take_claim_slot(
        entry.operation, 'owner', entry.owner_id, v_scope_app, v_period_start, 1,
        entry.owner_id, entry.asset, v_recorded.seq
    ) THEN
        PERFORM ledger_core.refuse_claim(entry.operation, 'owner', entry.recorded_at);
    ELSIF v_limits_subject AND NOT ledger_core.take_claim_slot(
        entry.operation, 'claim_subject', entry.claim_subject, v_scope_app, v_period_start, 1,
        entry.owner_id, entry.asset, v_recorded.seq
    ) THEN
        PERFORM ledger_core.refuse_claim(entry.operation, 'claim_subject', entry.recorded_at);
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.record_at_once IS
'Records an entry that claims, or whose credits are a lot, as ledger_core.write_entry does when guarded: null if more than that
is needed. entry: the request, which the caller has checked against the rule. Raises LG001, LG301, LG302, LG311.';
