-- requires: functions/core/journals/counted, functions/core/journals/line_bytes
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.hashed_hold_event(line ledger.hold_events)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.line_bytes(
    line.event_seq,
    line.happened_at,
    line.xact_id,
    ledger_core.counted(line.owner_id) || ',' || ledger_core.counted(line.asset) || ',' || ledger_core.counted(line.app)
    || ',' || ledger_core.counted(line.hold_nonce) || ',' || ledger_core.counted(line.event)
    || ',' || ledger_core.counted(line.hold::text) || coalesce(',seq=' || line.seq::text, '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_hold_event IS
'The canonical bytes of a line of ledger.hold_events, all of its columns but the hash.';
