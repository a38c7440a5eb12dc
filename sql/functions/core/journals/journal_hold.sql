CREATE OR REPLACE FUNCTION ledger_core.journal_hold(
    owner_id text, asset text, app text, hold_nonce text, event text, happened_at timestamptz, seq bigint DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_line ledger.hold_events;
BEGIN
    v_line.happened_at := journal_hold.happened_at;
    v_line.xact_id := pg_current_xact_id();
    v_line.owner_id := journal_hold.owner_id;
    v_line.asset := journal_hold.asset;
    v_line.app := journal_hold.app;
    v_line.hold_nonce := journal_hold.hold_nonce;
    v_line.event := journal_hold.event;
    v_line.seq := journal_hold.seq;
    -- The caller holds the account's lock until it commits, so nobody else adds a line meanwhile.
    SELECT
        coalesce(head.event_seq, 0) + 1,
        head.hash,
        ledger_core.noted_hold(holds, (
            SELECT jsonb_object_agg(hold_lots.lot_seq, hold_lots.amount)
            FROM ledger.hold_lots
            WHERE hold_lots.owner_id = journal_hold.owner_id AND hold_lots.app = journal_hold.app
                AND hold_lots.hold_nonce = journal_hold.hold_nonce
        ))
    INTO STRICT v_line.event_seq, v_line.hash, v_line.hold
    FROM ledger.holds
    LEFT JOIN LATERAL (
        SELECT event_seq, hash
        FROM ledger.hold_events
        WHERE owner_id = journal_hold.owner_id AND asset = journal_hold.asset
        ORDER BY event_seq DESC
        LIMIT 1
    ) AS head ON TRUE
    WHERE holds.owner_id = journal_hold.owner_id AND holds.app = journal_hold.app
        AND holds.nonce = journal_hold.hold_nonce;
    v_line.hash := ledger_core.chain_hash(
        coalesce(v_line.hash, ledger_core.zero_hash()), ledger_core.hashed_hold_event(v_line)
    );
    INSERT INTO ledger.hold_events SELECT v_line.*;
END
$$;

COMMENT ON FUNCTION ledger_core.journal_hold IS
'Adds an event of a hold of a locked account to ledger.hold_events, with the hold as it is now, chained to the line before.
seq: the entry of a capture.';
