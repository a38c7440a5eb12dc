-- requires: functions/core/journals/hold_line
CREATE OR REPLACE FUNCTION ledger_core.journal_hold(
    owner_id text, asset text, app text, hold_nonce text, event text, happened_at timestamptz, seq bigint DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO ledger.hold_events (
        owner_id, asset, app, hold_nonce, event, happened_at, seq, event_seq, hold, xact_id, hash
    )
    SELECT
        journal_hold.owner_id, journal_hold.asset, journal_hold.app, journal_hold.hold_nonce, journal_hold.event,
        journal_hold.happened_at, journal_hold.seq, line.*
    FROM ledger.holds
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(hold_lots.lot_seq, hold_lots.amount) AS lots
        FROM ledger.hold_lots
        WHERE hold_lots.owner_id = journal_hold.owner_id AND hold_lots.app = journal_hold.app
            AND hold_lots.hold_nonce = journal_hold.hold_nonce
    ) AS reserved
    CROSS JOIN LATERAL ledger_core.hold_line(
        holds, reserved.lots, journal_hold.event, journal_hold.happened_at, journal_hold.seq
    ) AS line
    WHERE holds.owner_id = journal_hold.owner_id AND holds.app = journal_hold.app
        AND holds.nonce = journal_hold.hold_nonce;
END
$$;

COMMENT ON FUNCTION ledger_core.journal_hold IS
'Adds an event of a hold of a locked account to ledger.hold_events, with the hold as it is now and what it reserves of each
lot, chained to the line before. seq: the entry of a capture.';
