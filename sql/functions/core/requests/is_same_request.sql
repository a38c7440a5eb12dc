-- Decides what "the same request" means for an entry. Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_same_request(kept ledger.entries, request ledger.entries)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    (kept.asset, kept.operation, kept.metadata, kept.claim_subject)
    IS NOT DISTINCT FROM (request.asset, request.operation, request.metadata, request.claim_subject)
    AND (kept.hold_nonce, kept.hold_final, kept.reverses_seq, kept.frees_claim)
    IS NOT DISTINCT FROM (request.hold_nonce, request.hold_final, request.reverses_seq, request.frees_claim)
    AND (kept.spender, kept.quantity, kept.peer_owner_id)
    IS NOT DISTINCT FROM (request.spender, request.quantity, request.peer_owner_id)
    -- A request is another one if what was recorded is more than it would have allowed: it went beyond the hold
    -- (overdrawn is not null), or below the floor (true).
    AND (kept.overdrawn IS NULL OR (kept.overdrawn <= request.overdrawn) IS TRUE)
    -- An amount or expiry that was left out asks for the default, which may have changed since.
    AND (kept.amount IS NOT DISTINCT FROM request.amount OR (kept.amount_defaulted AND request.amount_defaulted))
    AND (
        kept.expires_at IS NOT DISTINCT FROM request.expires_at
        OR (kept.expiry_defaulted AND request.expires_at IS NULL)
    )
$$;

COMMENT ON FUNCTION ledger_core.is_same_request IS
'True if an entry of the owner and app that has the request''s nonce was recorded by this very request.
request: the entry as it would be recorded, with amount_defaulted where the request names no amount, expires_at as the
request gives it, and overdrawn false if it may take more than is held, true if that may be a debt.';
