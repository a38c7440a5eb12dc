-- requires: functions/core/journals/hashed_line
CREATE OR REPLACE FUNCTION ledger_core.hashed_hold_event(line ledger.hold_events)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.hashed_line(
    line.event_seq,
    line.happened_at,
    line.xact_id,
    ARRAY[line.owner_id, line.asset, line.app, line.hold_nonce, line.event, line.hold::text],
    coalesce(',seq=' || line.seq::text, '')
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_hold_event IS
'The canonical bytes of a line of ledger.hold_events, all of its columns but the hash.';
