CREATE OR REPLACE FUNCTION ledger_core.find_replay(
    owner_id text,
    app text,
    operation text,
    nonce text,
    amount bigint,
    default_amount bigint,
    metadata jsonb,
    expires_at timestamptz,
    claim_subject text
)
RETURNS ledger.recorded_entry
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_entry record;
BEGIN
    SELECT * INTO v_entry
    FROM ledger.entries
    WHERE owner_id = find_replay.owner_id AND app = find_replay.app AND nonce = find_replay.nonce;
    IF NOT FOUND THEN
        IF EXISTS (
            SELECT 1 FROM ledger.holds
            WHERE owner_id = find_replay.owner_id AND app = find_replay.app AND nonce = find_replay.nonce
        ) THEN
            PERFORM ledger_core.refuse_nonce(find_replay.app, find_replay.nonce);
        END IF;
        RETURN NULL;
    END IF;

    -- An amount or expiry left out asks for the default; that default may have changed since.
    IF v_entry.operation IS DISTINCT FROM find_replay.operation
        OR NOT (
            v_entry.amount IS NOT DISTINCT FROM coalesce(find_replay.amount, find_replay.default_amount)
            OR (find_replay.amount IS NULL AND v_entry.amount_defaulted)
        )
        OR NOT (
            v_entry.expires_at IS NOT DISTINCT FROM find_replay.expires_at
            OR (find_replay.expires_at IS NULL AND v_entry.expiry_defaulted)
        )
        OR v_entry.metadata IS DISTINCT FROM find_replay.metadata
        OR v_entry.claim_subject IS DISTINCT FROM find_replay.claim_subject
        OR v_entry.hold_nonce IS NOT NULL
        OR v_entry.reverses_seq IS NOT NULL
    THEN
        PERFORM ledger_core.refuse_nonce(find_replay.app, find_replay.nonce);
    END IF;
    RETURN (
        v_entry.entry_id, v_entry.seq, v_entry.owner_id, v_entry.asset, v_entry.app, v_entry.operation, v_entry.amount,
        v_entry.balance_after, v_entry.nonce, v_entry.metadata, v_entry.expires_at, v_entry.hold_nonce,
        v_entry.reverses_seq, v_entry.recorded_at, TRUE
    )::ledger.recorded_entry;
END
$$;

COMMENT ON FUNCTION ledger_core.find_replay IS
'The entry that this very request of record_entry recorded earlier, or null if its nonce is unused. amount is as the request gave it. Raises LG201 if the nonce was used by a different request.';
