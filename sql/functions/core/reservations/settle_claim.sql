CREATE OR REPLACE FUNCTION ledger_core.settle_claim(
    app text, owner_id text, nonce text, claim_deadline timestamptz, outcome text, own boolean
)
RETURNS text
LANGUAGE plpgsql
-- A plan made while there are no reservations would go on reading all of them.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_kept ledger.claim_reservations;
    v_overdue boolean;
BEGIN
    SELECT * INTO v_kept
    FROM ledger.claim_reservations
    WHERE owner_id = settle_claim.owner_id AND app = settle_claim.app AND nonce = settle_claim.nonce
    FOR UPDATE;
    IF v_kept.owner_id IS NULL THEN
        RETURN 'unknown';
    END IF;
    v_now := ledger_core.clock();
    v_overdue := v_kept.claim_deadline + ledger_core.reservation_margin() < v_now;

    IF settle_claim.outcome = 'recorded' AND v_kept.kept_at IS NULL AND (settle_claim.own OR v_overdue) THEN
        v_kept.kept_at := v_now;
        UPDATE ledger.claim_reservations
        SET kept_at = v_kept.kept_at, hash = ledger_core.hashed_reservation(v_kept)
        WHERE owner_id = v_kept.owner_id AND app = v_kept.app AND nonce = v_kept.nonce;
    ELSIF (CASE settle_claim.outcome
        WHEN 'freed' THEN settle_claim.own
        -- Of several attempts, another one may still record it.
        WHEN 'refused' THEN settle_claim.own AND v_kept.kept_at IS NULL AND v_kept.attempts = 1
            AND v_kept.claim_deadline = settle_claim.claim_deadline
        WHEN 'lapsed' THEN v_overdue AND v_kept.kept_at IS NULL
            AND v_kept.claim_deadline = settle_claim.claim_deadline
    END) THEN
        DELETE FROM ledger.claims
        WHERE operation = v_kept.operation AND subject_kind = 'claim_subject' AND subject = v_kept.claim_subject
            AND scope_app = v_kept.scope_app AND period_start = v_kept.period_start AND slot = v_kept.slot;
        DELETE FROM ledger.claim_reservations
        WHERE owner_id = v_kept.owner_id AND app = v_kept.app AND nonce = v_kept.nonce;
        RETURN 'given_back';
    END IF;
    RETURN CASE WHEN v_kept.kept_at IS NULL THEN 'reserved' ELSE 'kept' END;
END
$$;

COMMENT ON FUNCTION ledger_core.settle_claim IS
'Keeps a reservation or gives it back, as the outcome of its request demands, and returns what it is then: kept, given_back,
reserved, or unknown. own: the caller may act for the app; others may settle what is overdue.';
