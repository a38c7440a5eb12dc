-- requires: functions/core/journals/noted_allowance
CREATE OR REPLACE FUNCTION ledger_core.journal_allowance(
    allowance ledger.allowances,
    event text,
    happened_at timestamptz,
    nonce text,
    request jsonb,
    after_seq bigint,
    seq bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_line ledger.allowance_events;
BEGIN
    -- The caller holds the account's lock until it commits, so nobody else adds a line meanwhile.
    SELECT event_seq, hash INTO v_line.event_seq, v_line.hash
    FROM ledger.allowance_events
    WHERE owner_id = allowance.owner_id AND asset = allowance.asset
    ORDER BY event_seq DESC
    LIMIT 1;
    v_line.owner_id := allowance.owner_id;
    v_line.asset := allowance.asset;
    v_line.event_seq := coalesce(v_line.event_seq, 0) + 1;
    v_line.app := allowance.app;
    v_line.allowance_nonce := allowance.nonce;
    v_line.event := journal_allowance.event;
    v_line.happened_at := journal_allowance.happened_at;
    v_line.nonce := journal_allowance.nonce;
    v_line.request := journal_allowance.request;
    v_line.allowance := ledger_core.noted_allowance(allowance);
    v_line.after_seq := journal_allowance.after_seq;
    v_line.seq := journal_allowance.seq;
    v_line.role_name := ledger_core.caller_role();
    v_line.xact_id := pg_current_xact_id();
    v_line.hash := ledger_core.chain_hash(
        coalesce(v_line.hash, ledger_core.zero_hash()), ledger_core.hashed_allowance_event(v_line)
    );
    INSERT INTO ledger.allowance_events SELECT v_line.*;
END
$$;

COMMENT ON FUNCTION ledger_core.journal_allowance IS
'Adds what was asked of an allowance of a locked account to ledger.allowance_events, chained to the account''s line before.
nonce, request: what a retry has to say again; null and empty for what needs no nonce. after_seq: the account''s last entry
before. seq: the entry that the request recorded, if any.';
