-- Decides what "the same request" means, for everything that records an entry; ledger_core.replay_of_hold does so
-- for holds. Entries and holds of an app share their nonces.
CREATE OR REPLACE FUNCTION ledger_core.replay_of(request ledger.entries)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_kept ledger.entries;
BEGIN
    SELECT * INTO v_kept
    FROM ledger.entries
    WHERE owner_id = request.owner_id AND app = request.app AND nonce = request.nonce;
    IF NOT FOUND THEN
        IF EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = request.owner_id AND app = request.app AND nonce = request.nonce
        ) THEN
            PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
        END IF;
        RETURN NULL;
    END IF;

    IF (v_kept.asset, v_kept.operation, v_kept.metadata, v_kept.claim_subject)
        IS DISTINCT FROM (request.asset, request.operation, request.metadata, request.claim_subject)
        OR (v_kept.hold_nonce, v_kept.hold_final, v_kept.reverses_seq, v_kept.frees_claim)
        IS DISTINCT FROM (request.hold_nonce, request.hold_final, request.reverses_seq, request.frees_claim)
        -- An amount or expiry that was left out asks for the default, which may have changed since.
        OR (v_kept.amount IS DISTINCT FROM request.amount AND NOT (v_kept.amount_defaulted AND request.amount_defaulted))
        OR (
            v_kept.expires_at IS DISTINCT FROM request.expires_at
            AND NOT (v_kept.expiry_defaulted AND request.expires_at IS NULL)
        )
    THEN
        PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
    END IF;
    RETURN ledger_core.as_recorded(v_kept, TRUE);
END
$$;

COMMENT ON FUNCTION ledger_core.replay_of IS
'The entry that this very request recorded before, or null if its nonce is unused. request: the entry as it would be
recorded, with amount_defaulted where the request names no amount, and expires_at as the request gives it.
Raises LG201 if the nonce was used by a different request, or by a hold.';
