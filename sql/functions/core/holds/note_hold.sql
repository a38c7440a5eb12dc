CREATE OR REPLACE FUNCTION ledger_core.note_hold(
    owner_id text, asset text, app text, hold_nonce text, event text, happened_at timestamptz, seq bigint DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_xact_id xid8 := pg_current_xact_id();
    v_event_seq bigint;
    v_hash bytea;
    v_hold jsonb;
BEGIN
    SELECT ledger_core.noted_hold(
        holds.operation, holds.amount, holds.captured, holds.status, holds.placed_at, holds.expires_in,
        holds.expires_at, holds.closed_at, holds.metadata,
        (
            SELECT jsonb_object_agg(hold_lots.lot_seq, hold_lots.amount)
            FROM ledger.hold_lots
            WHERE hold_lots.owner_id = note_hold.owner_id AND hold_lots.app = note_hold.app
                AND hold_lots.hold_nonce = note_hold.hold_nonce
        )
    )
    INTO STRICT v_hold
    FROM ledger.holds
    WHERE holds.owner_id = note_hold.owner_id AND holds.app = note_hold.app AND holds.nonce = note_hold.hold_nonce;

    -- Whoever changes a hold has its account locked until he commits: nobody else adds a line meanwhile.
    SELECT event_seq, hash INTO v_event_seq, v_hash
    FROM ledger.hold_events
    WHERE owner_id = note_hold.owner_id AND asset = note_hold.asset
    ORDER BY event_seq DESC
    LIMIT 1;
    v_event_seq := coalesce(v_event_seq, 0) + 1;
    v_hash := ledger_core.chain_hash(
        coalesce(v_hash, decode(repeat('00', 32), 'hex')),
        ledger_core.hold_event_bytes(
            v_event_seq, note_hold.happened_at, v_xact_id, note_hold.owner_id, note_hold.asset, note_hold.app,
            note_hold.hold_nonce, note_hold.event, v_hold, note_hold.seq
        )
    );
    INSERT INTO ledger.hold_events (
        event_seq, happened_at, owner_id, asset, app, hold_nonce, event, seq, hold, xact_id, hash
    )
    VALUES (
        v_event_seq, note_hold.happened_at, note_hold.owner_id, note_hold.asset, note_hold.app, note_hold.hold_nonce,
        note_hold.event, note_hold.seq, v_hold, v_xact_id, v_hash
    );
END
$$;

COMMENT ON FUNCTION ledger_core.note_hold IS
'Keeps what happened to a hold of a locked account in ledger.hold_events, with the hold as it stands now, chained to the event before. seq: the entry of a capture.';
