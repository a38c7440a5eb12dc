CREATE OR REPLACE FUNCTION ledger_core.reserve_claim(
    app text, owner_id text, operation text, nonce text, claim_subject text
)
RETURNS timestamptz
LANGUAGE plpgsql
-- A plan made while there are no reservations would go on reading all of them.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_rule record;
    v_kept ledger.claim_reservations;
    v_new ledger.claim_reservations;
    v_until timestamptz;
    v_slot integer;
    v_taken boolean := FALSE;
BEGIN
    PERFORM ledger_core.check_request(
        reserve_claim.owner_id, reserve_claim.nonce, NULL, reserve_claim.claim_subject
    );
    PERFORM ledger_core.check_key('claim_subject', reserve_claim.claim_subject);
    PERFORM ledger_core.check_key('operation', reserve_claim.operation);
    SELECT asset, claim_limit, claim_period, claim_scope, claim_time_zone INTO v_rule
    FROM ledger.operations
    WHERE operation = reserve_claim.operation;
    IF v_rule.claim_limit IS NULL THEN
        RETURN NULL;
    ELSIF NOT ledger_core.keeps_owner(reserve_claim.claim_subject) THEN
        PERFORM ledger_core.refuse('wrong_partition', ledger_core.subject_detail(
            reserve_claim.operation, reserve_claim.claim_subject
        ));
    ELSIF ledger_core.keeps_owner(reserve_claim.owner_id) THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'owner_id', 'reason', 'is kept here too: record_entry takes the slot itself'
        ));
    END IF;

    LOOP
        SELECT * INTO v_kept
        FROM ledger.claim_reservations
        WHERE app = reserve_claim.app AND nonce = reserve_claim.nonce
        FOR UPDATE;
        v_now := ledger_core.clock();
        IF v_kept.owner_id IS NOT NULL THEN
            IF (v_kept.owner_id, v_kept.operation, v_kept.claim_subject)
                <> (reserve_claim.owner_id, reserve_claim.operation, reserve_claim.claim_subject)
            THEN
                PERFORM ledger_core.refuse_nonce(reserve_claim.app, reserve_claim.nonce);
            END IF;
            v_until := ledger_core.next_claim_at(
                v_rule.claim_period, v_rule.claim_time_zone, v_kept.period_start
            );
            IF v_kept.kept_at IS NULL THEN
                IF v_now < coalesce(v_until, 'infinity') THEN
                    -- No two of these attempts have the same deadline.
                    v_kept.claim_deadline := greatest(
                        least(v_now + ledger_core.reservation_time(), v_until),
                        v_kept.claim_deadline + interval '1 microsecond'
                    );
                END IF;
                v_kept.attempts := v_kept.attempts + 1;
                UPDATE ledger.claim_reservations
                SET
                    claim_deadline = v_kept.claim_deadline,
                    attempts = v_kept.attempts,
                    hash = ledger_core.hashed_reservation(v_kept)
                WHERE owner_id = v_kept.owner_id AND app = v_kept.app AND nonce = v_kept.nonce;
            END IF;
            RETURN v_kept.claim_deadline;
        END IF;

        IF EXISTS (SELECT 1 FROM ledger_core.uses_of_nonce(reserve_claim.app, reserve_claim.nonce)) THEN
            PERFORM ledger_core.refuse_nonce(reserve_claim.app, reserve_claim.nonce);
        END IF;
        v_new.period_start := ledger_core.claim_period_start(v_rule.claim_period, v_rule.claim_time_zone, v_now);
        v_until := ledger_core.next_claim_at(v_rule.claim_period, v_rule.claim_time_zone, v_new.period_start);
        v_new.owner_id := reserve_claim.owner_id;
        v_new.asset := v_rule.asset;
        v_new.app := reserve_claim.app;
        v_new.nonce := reserve_claim.nonce;
        v_new.operation := reserve_claim.operation;
        v_new.claim_subject := reserve_claim.claim_subject;
        v_new.scope_app := ledger_core.claim_scope_app(v_rule.claim_scope, reserve_claim.app);
        v_new.slot := 1;
        v_new.reserved_at := v_now;
        v_new.claim_deadline := least(v_now + ledger_core.reservation_time(), v_until);
        v_new.attempts := 1;
        v_new.hash := ledger_core.hashed_reservation(v_new);
        -- Before the slot, so that the same request at the same moment waits here and finds this one.
        INSERT INTO ledger.claim_reservations SELECT v_new.* ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;

    FOR v_slot IN
        SELECT slots.slot
        FROM generate_series(1, v_rule.claim_limit) AS slots (slot)
        WHERE NOT EXISTS (
            SELECT 1 FROM ledger.claims
            WHERE operation = v_new.operation AND subject_kind = 'claim_subject' AND subject = v_new.claim_subject
                AND scope_app = v_new.scope_app AND period_start = v_new.period_start AND claims.slot = slots.slot
        )
        ORDER BY slots.slot
    LOOP
        v_taken := ledger_core.take_claim_slot(
            v_new.operation, 'claim_subject', v_new.claim_subject, v_new.scope_app, v_new.period_start, v_slot,
            v_new.owner_id, v_new.asset, 0
        );
        CONTINUE WHEN NOT v_taken;
        v_new.slot := v_slot;
        EXIT;
    END LOOP;
    IF NOT v_taken THEN
        PERFORM ledger_core.refuse_claim(v_new.operation, 'claim_subject', v_now);
    ELSIF v_new.slot > 1 THEN
        UPDATE ledger.claim_reservations
        SET slot = v_new.slot, hash = ledger_core.hashed_reservation(v_new)
        WHERE owner_id = v_new.owner_id AND app = v_new.app AND nonce = v_new.nonce;
    END IF;
    RETURN v_new.claim_deadline;
END
$$;

COMMENT ON FUNCTION ledger_core.reserve_claim IS
'Takes a slot of the operation''s limit for the claim_subject on behalf of a request whose owner another partition keeps, and
returns until when that may record it; null if there is no limit. The same request again finds its reservation, with a new
deadline; one that is kept, or is of an earlier period, has its old one.
Raises LG001, LG201, LG302, LG311.';
